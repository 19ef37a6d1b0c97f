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


def convolve(sound: Samples, response: Samples) -> Samples:
    """The sound (N,) through an impulse response (M,), cut to its own length."""
    size = len(sound) + len(response) - 1
    return np.asarray(np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[: len(sound)])


def unit(sound: Samples) -> Samples:
    """The sound (N,) at a power of 1."""
    return np.asarray(sound / np.sqrt(np.mean(sound**2)))


def strikes(generator: np.random.Generator, turns: Samples, angles: Samples, *, jitter: float, spread: float) -> Samples:
    """One impulse (N,) of about 1 at each angle of each cycle of two turns of a crankshaft.

    turns: turns since the start, (N,). angles, jitter: in turns. spread: standard deviation of the strength by angle, and by strike.
    """
    at = (2 * np.arange(1 + turns[-1] // 2)[:, None] + angles + jitter * generator.standard_normal(len(angles))).ravel()
    at = at + jitter * generator.standard_normal(len(at)) / 2
    strength = np.tile(1 + spread * generator.standard_normal(len(angles)), len(at) // len(angles))
    strength = np.maximum(strength + spread * generator.standard_normal(len(at)), 0.1)
    places = np.searchsorted(turns, at)
    struck = np.zeros(len(turns))
    inside = (places > 0) & (places < len(turns))
    np.add.at(struck, places[inside], strength[inside])
    return struck


def revved(time: Samples) -> Samples:
    """Speed of a car's engine (N,) in turns a minute: idling at 850, revved at 2.4 s to 1600 and at 4.0 s to 2200."""
    speed = np.full(len(time), 850.0)
    for start, rise, fall, top in ((2.4, 0.4, 0.8, 1600.0), (4.0, 0.6, 1.1, 2200.0)):
        up, down = np.clip((time - start) / rise, 0, 1), np.clip((time - start - rise - 0.2) / fall, 0, 1)
        speed = np.maximum(speed, 850 + (top - 850) * np.sin(up * np.pi / 2) ** 1.5 * (1 - down) ** 1.6)
    return speed


def exhaust(fired: Samples) -> Samples:
    """Sound (N,) of the tail pipe for an impulse at each firing: pressure pulses of 2 ms in a pipe of 1.4 m that is open at its end.

    The open end returns each wave inverted, low frequencies more than high ones, so the pipe resonates at odd multiples of 80 Hz
    (L. Kinsler et al., Fundamentals of Acoustics, 2000, on pipes); gas at 450 m/s. What leaves it is radiated like the change of its flow.
    """
    time = seconds(0.03)
    pressure = convolve(fired, time / 0.0016 * np.exp(1 - time / 0.0016))
    size = 2 * len(fired)
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    returned = 0.75 / (1 + (frequency / 900) ** 2) * np.exp(-2j * np.pi * frequency * 2 * 1.4 / 450)
    radiated = (1j * frequency / 150) / (1 + 1j * frequency / 150)
    silencer = 1 / np.sqrt(1 + (frequency / 2000) ** 4)
    return np.asarray(np.fft.irfft(np.fft.rfft(pressure, size) / (1 + returned) * radiated * silencer, size)[: len(fired)])


def engine(generator: np.random.Generator) -> Samples:
    """A car's engine of four cylinders that idles and is revved twice, first-order ambisonics (4, N) in AmbiX order W Y Z X, 7 s.

    The exhaust, with the noise of its gas, is on the left; the valves, which strike the block, and the intake are on the right.
    """
    time = seconds(7.0)
    waver = np.interp(time, np.arange(0, 7.2, 0.1), generator.standard_normal(72))
    speed = revved(time) * (1 + 0.01 * waver)
    turns = np.cumsum(speed) / 60 / RATE
    load = 0.6 + np.clip(convolve(np.gradient(speed) * RATE / 2500, np.full(800, 1 / 800)), -0.2, 0.4) + 0.2 * (speed / 850 - 1)
    fired = strikes(generator, turns, np.arange(4) / 2, jitter=0.02, spread=0.2) * load
    flow = np.maximum(convolve(fired, np.exp(-seconds(0.05) / 0.004)), 0)
    gas = unit(noise(generator, len(time), low=150, high=5000, slope=2) * (flow / flow.mean() + 0.1))
    ring = seconds(0.04)
    modes = [generator.uniform(0.3, 1) * np.exp(-ring / 0.004) * np.sin(2 * np.pi * f * ring) for f in generator.uniform(900, 4500, 10)]
    valves = convolve(strikes(generator, turns, np.arange(8) / 4 + 0.1, jitter=0.01, spread=0.3), np.sum(modes, axis=0))
    intake = unit(noise(generator, len(time), low=250, high=3000, slope=3) * speed * (1 + 0.5 * np.sin(2 * np.pi * 2 * turns)))
    sources = (unit(exhaust(fired)) + 0.3 * gas, 0.3 * unit(valves) + 0.25 * intake)
    sources = tuple(echo(0.04 * source, generator, decay=0.4, level=9) for source in sources)
    street = 0.001 * np.stack([noise(generator, len(time), low=30, high=4000, slope=5) for _ in range(4)])
    street[2] = 0.0  # all of it comes from the horizon
    for source, azimuth in zip(sources, (np.pi / 5, -np.pi / 8), strict=True):  # radians, left is positive
        street += np.array([1.0, np.sin(azimuth), 0.0, np.cos(azimuth)])[:, None] * source
    return street


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


#: Sounds that are written at a part of RATE, to keep four channels small: an engine has hardly anything above 8 kHz.
STEPS = {"engine": 2}


def at_part(sound: Samples, step: int) -> Samples:
    """The sound (C, N) at 1 / step of its rate, (C, N / step), without the frequencies that this rate cannot hold."""
    if step == 1:
        return sound
    count = sound.shape[1] // step
    return np.asarray(np.fft.irfft(np.fft.rfft(sound)[:, : count // 2], count) / step)


def main(folder: Path) -> None:
    """Write each sound as Ogg Vorbis."""
    for index, (name, make) in enumerate(SOUNDS.items()):
        sound = make(np.random.default_rng([SEED, index]))
        step = STEPS.get(name, 1)
        soundfile.write(
            folder / f"{name}.ogg", at_part(sound, step).T, RATE // step, format="OGG", subtype="VORBIS", compression_level=0.95
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
