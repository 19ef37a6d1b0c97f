"""Make the recordings in this folder: sounds put together from sines, noise and clicks, so that anyone may use them for anything.

    python examples/make_examples.py [FOLDER]

Needs numpy and soundfile; takes seconds; the same seed gives the same sound each time. The files are CC0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float64]

RATE = 32_000  # Hz
SEED = 2


def seconds(length: float) -> Samples:
    """Times (N,) in seconds of a stretch of the given length."""
    return np.arange(round(length * RATE)) / RATE


def noise(generator: np.random.Generator, count: int, *, low: float, high: float, slope: float = 0.0) -> Samples:
    """Noise (N,) of unit power between two frequencies (Hz), falling by `slope` dB an octave."""
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    shape = ((frequency >= low) & (frequency <= high)) * np.maximum(frequency, 20.0) ** (-slope / 6.02)
    sound = np.fft.irfft(np.fft.rfft(generator.standard_normal(count)) * shape, count)
    return np.asarray(sound / np.sqrt(np.mean(sound**2)))


def echo(sound: Samples, generator: np.random.Generator, *, decay: float, level: float) -> Samples:
    """The sound (N,) in a room: noise that dies away by 60 dB in `decay` seconds answers each click, `level` dB under it."""
    time = seconds(decay)
    tail = generator.standard_normal(len(time)) * 10 ** (-3 * time / decay)
    tail *= 10 ** (-level / 20) / np.sqrt(np.sum(tail**2))
    size = len(sound) + len(tail) - 1
    return sound + np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)]


def alarm(generator: np.random.Generator) -> Samples:
    """A clock alarm, mono (1, N), 8 s: groups of four beeps from 1.0 s to 6.8 s in a quiet room."""
    time = seconds(8.0)
    sound = np.zeros_like(time)
    tone = np.sign(np.sin(2 * np.pi * 2048 * time)) * 0.5 + np.sin(2 * np.pi * 2048 * time)
    for group in np.arange(1.0, 6.5, 1.0):
        for beep in range(4):
            since = time - group - 0.125 * beep
            sound += tone * np.clip(since / 0.002, 0, 1) * np.clip((0.07 - since) / 0.004, 0, 1)
    room = noise(generator, len(time), low=30, high=8000, slope=5)
    return (echo(0.25 * sound, generator, decay=0.3, level=12) + 0.002 * room)[None]


def siren(generator: np.random.Generator) -> Samples:
    """A siren that wails and passes from left to right, stereo (2, N), 10 s, over a street's rumble."""
    time = seconds(10.0)
    pitch = 950 + 420 * np.sin(2 * np.pi * 0.3 * time - 1.2)
    pitch *= 1 + 0.03 * np.tanh((5.0 - time) / 1.2)  # Doppler: a little higher while it comes
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    horn = sum(np.sin(order * phase) / order**1.3 for order in range(1, 9))
    near = 1 / np.sqrt(1 + ((time - 5.0) / 1.8) ** 2)
    horn = echo(0.35 * horn * near, generator, decay=0.8, level=12)
    side = (1 + np.tanh((time - 5.0) / 1.5)) / 2  # 0 left, 1 right
    street = np.stack([noise(generator, len(time), low=30, high=6000, slope=7) for _ in range(2)])
    return np.stack([horn * np.cos(side * np.pi / 2), horn * np.sin(side * np.pi / 2)]) + 0.006 * street


def rain(generator: np.random.Generator) -> Samples:
    """Rain on leaves with single drops near by, mono (1, N), 6 s."""
    count = round(6.0 * RATE)
    sound = 0.03 * noise(generator, count, low=400, high=15000, slope=1.5)
    for _ in range(2000):
        start, length = int(generator.integers(0, count - 800)), int(generator.integers(20, 300))
        drop = generator.standard_normal(length) * np.exp(-np.arange(length) / (0.2 * length))
        sound[start : start + length] += drop * min(0.4, 0.05 * generator.pareto(2.5))
    return np.clip(sound, -0.9, 0.9)[None]


def engine(generator: np.random.Generator) -> Samples:
    """An engine that passes from the left to the right, first-order ambisonics (4, N) in AmbiX order W Y Z X, 6 s."""
    time = seconds(6.0)
    near = 1 / np.sqrt(1 + ((time - 3.0) / 1.2) ** 2)
    turns = 31 * (1 + 0.05 * np.tanh((3.0 - time) / 1.0)) * (1 + 0.004 * np.cumsum(generator.standard_normal(len(time))) / 600)
    phase = 2 * np.pi * np.cumsum(turns) / RATE
    firing = sum(np.sin(order * phase + generator.uniform(0, 6.28)) * order**-0.7 for order in range(1, 40))
    rough = noise(generator, len(time), low=60, high=5000, slope=4) * (1 + 0.6 * np.sin(2 * phase))
    sound = (0.06 * firing + 0.05 * rough) * near
    azimuth = np.pi / 3 * np.tanh((3.0 - time) / 1.5)  # radians, left is positive
    directions = np.stack([np.ones_like(time), np.sin(azimuth), np.zeros_like(time), np.cos(azimuth)])
    wind = np.stack([noise(generator, len(time), low=30, high=4000, slope=5) for _ in range(4)])
    return np.asarray(sound * directions + 0.002 * wind)


def bells(generator: np.random.Generator) -> Samples:
    """Two church bells, mono (1, N), 10 s: strokes from 0.8 s on, each with a bell's partials from hum to double octave."""
    time = seconds(10.0)
    sound = np.zeros_like(time)
    ratios, levels, decays = (
        (0.5, 1, 1.2, 1.5, 2, 2.5, 3, 4),
        (0.5, 1, 0.8, 0.4, 1, 0.4, 0.4, 0.3),
        (4, 2.6, 2, 1.4, 1, 0.6, 0.5, 0.3),
    )
    for stroke, prime in zip(np.arange(0.8, 8.5, 0.95), (392.0, 311.1) * 5, strict=False):
        since = np.maximum(time - stroke, 0.0)
        for ratio, level, decay in zip(ratios, levels, decays, strict=True):
            beat = 1 + generator.uniform(-0.0015, 0.0015)
            pair = np.sin(2 * np.pi * prime * ratio * since) + 0.5 * np.sin(2 * np.pi * prime * ratio * beat * since)
            sound += 0.05 * level * pair * np.exp(-since / decay) * (time >= stroke)
        click = generator.standard_normal(len(time)) * np.exp(-since / 0.004) * (time >= stroke)
        sound += 0.05 * click
    return (echo(sound, generator, decay=1.5, level=14) + 0.001 * noise(generator, len(time), low=50, high=5000, slope=5))[None]


SOUNDS = {"alarm": alarm, "siren": siren, "rain": rain, "engine": engine, "bells": bells}


def main(folder: Path) -> None:
    """Write each sound as Ogg Vorbis."""
    for index, (name, make) in enumerate(SOUNDS.items()):
        sound = make(np.random.default_rng([SEED, index]))
        soundfile.write(folder / f"{name}.ogg", sound.T, RATE, format="OGG", subtype="VORBIS", compression_level=0.95)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
