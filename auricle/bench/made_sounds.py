"""Sounds by rule: siren, alarm, bells, rain, engine, tone, hum, noise, chord, speech-like syllables, knocks, clicks and a quiet room.

Each takes a generator of random numbers and gives float64 samples (C, N) at RATE; the same generator gives the same sound. The files of
examples/ and the sounds of `auricle doctor` (known_sounds.py) are made by them. Needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

RATE = 32_000  # Hz


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
    heard = [echo(0.04 * source, generator, decay=0.4, level=9) for source in sources]
    street = 0.001 * np.stack([noise(generator, len(time), low=30, high=4000, slope=5) for _ in range(4)])
    street[2] = 0.0  # all of it comes from the horizon
    for source, azimuth in zip(heard, (np.pi / 5, -np.pi / 8), strict=True):  # radians, left is positive
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


def tone(generator: np.random.Generator) -> Samples:
    """A pure tone of 1 kHz with a slow start and end, mono (1, N), 4 s."""
    time = seconds(4.0)
    return (0.2 * np.sin(2 * np.pi * 1000 * time + generator.uniform(0, 6.28)) * faded(time))[None]


def hum(generator: np.random.Generator) -> Samples:
    """The hum of mains at 50 Hz, even harmonics strongest, over faint noise, mono (1, N), 4 s."""
    time = seconds(4.0)
    orders = [(order, (1.0 if order % 2 == 0 else 0.3) / order**1.5) for order in range(1, 20)]
    sound = sum(level * np.sin(2 * np.pi * 50 * order * time + generator.uniform(0, 6.28)) for order, level in orders)
    return np.asarray(0.2 * sound * faded(time) + 0.001 * generator.standard_normal(len(time)))[None]


def white_noise(generator: np.random.Generator) -> Samples:
    """White noise of -26 dBFS, mono (1, N), 4 s."""
    return 0.05 * generator.standard_normal((1, round(4.0 * RATE)))


def quiet_room(generator: np.random.Generator) -> Samples:
    """A quiet room: noise of -66 dBFS that falls by 6 dB an octave, mono (1, N), 4 s."""
    return (0.0005 * noise(generator, round(4.0 * RATE), low=30, high=12_000, slope=6))[None]


def chord(generator: np.random.Generator) -> Samples:
    """Three chords of C, F and G major, each of four notes of plucked strings, mono (1, N), 4.5 s."""
    time = seconds(4.5)
    sound = np.zeros(len(time))
    for start, notes in ((0.1, (48, 60, 64, 67)), (1.5, (53, 60, 65, 69)), (2.9, (55, 59, 62, 67))):  # as MIDI numbers them
        for place, note in enumerate(notes):
            since = time - start - 0.02 * place
            pitch = 440 * 2 ** ((note - 69) / 12) * (1 + generator.uniform(-0.0005, 0.0005))
            for order in range(1, 13):  # a string plucked at a fifth of its length; high partials decay sooner
                level = np.sin(np.pi * order / 5) / order**1.2 * np.exp(-np.maximum(since, 0) * (1.0 + 0.5 * order))
                sound += 0.1 * level * np.sin(2 * np.pi * pitch * order * since) * np.clip(since / 0.002, 0, 1)
    return echo(sound, generator, decay=0.5, level=12)[None]


#: First four formants of vowels of a man, Hz (G. Peterson and H. Barney, 1952; the fourth is about the same for all).
VOWELS = {"a": (730, 1090, 2440, 3400), "i": (270, 2290, 3010, 3500), "u": (300, 870, 2240, 3300), "e": (530, 1840, 2480, 3450)}


def syllables(generator: np.random.Generator) -> Samples:
    """A voice of 115 Hz that says syllables of vowels and consonants of noise, in two phrases, mono (1, N), 5 s.

    A glottal pulse train goes through resonances at the formants, which move from one vowel to the next.
    """
    time = seconds(5.0)
    starts = [0.2 + 0.21 * place for place in range(9)] + [2.6 + 0.21 * place for place in range(9)]
    names = generator.choice(list(VOWELS), len(starts))
    pitch = 115 * (1 + 0.02 * np.interp(time, np.arange(0, 5.2, 0.2), generator.standard_normal(26)))
    pitch *= 1.15 - 0.12 * (time % 2.4)  # falls in each phrase
    turns = np.cumsum(pitch) / RATE
    pulses = np.diff(np.floor(turns), prepend=0.0)
    open_glottis = convolve(pulses, (seconds(0.006) / 0.002) ** 2 * np.exp(-seconds(0.006) / 0.0012))
    source = np.diff(open_glottis, prepend=0.0) + 0.002 * generator.standard_normal(len(time)) * open_glottis
    sound, loud = np.zeros(len(time)), np.zeros(len(time))
    for name, start in zip(names, starts, strict=True):
        inside = np.clip((time - start - 0.03) / 0.03, 0, 1) * np.clip((start + 0.19 - time) / 0.04, 0, 1)
        sound += resonant(source * inside, VOWELS[str(name)])
        loud += np.exp(-(((time - start - 0.015) / 0.012) ** 2)) * generator.uniform(0.2, 1.0)
    consonants = noise(generator, len(time), low=1500, high=7000) * loud
    return echo(0.07 * unit(sound) + 0.018 * consonants, generator, decay=0.3, level=12)[None]


def resonant(source: Samples, formants: Sequence[float]) -> Samples:
    """A source (N,) through resonances at these frequencies (Hz), one after the other, each with a bandwidth of 60 Hz and 5 % of it."""
    size = 2 * len(source)
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    response = np.ones(len(frequency), complex)
    for formant in formants:
        response *= formant**2 / (formant**2 - frequency**2 + 1j * frequency * (60 + 0.05 * formant))
    return np.asarray(np.fft.irfft(np.fft.rfft(source, size) * response, size)[: len(source)])


def knocks(generator: np.random.Generator) -> Samples:
    """Knocks on a wooden door in groups of three, mono (1, N), 5 s: each excites modes of the board that die away within 50 ms."""
    modes = [(f * generator.uniform(0.95, 1.05), 0.3 / f**0.5, f**-0.4) for f in (110, 180, 260, 350, 520, 760, 1100, 1700)]
    return echo(
        _struck(generator, (0.5, 0.75, 1.0, 2.2, 2.45, 2.7, 3.8, 4.05, 4.3), 5.0, modes, contact=0.0015), generator, decay=0.4, level=8
    )[None]


def clicks(generator: np.random.Generator) -> Samples:
    """A clock that ticks twice a second, mono (1, N), 5 s: short clicks of small metal parts, high and low in turn."""
    sound = np.zeros(round(5.0 * RATE))
    for start, factor in ((0.25, 1.0), (0.75, 0.8)):
        modes = [(f * factor, 0.004, 0.5) for f in (2100, 3300, 4700, 6900)]
        sound += _struck(generator, tuple(np.arange(start, 4.9, 1.0)), 5.0, modes, contact=0.0001)
    return echo(0.3 * sound, generator, decay=0.3, level=14)[None]


def _struck(
    generator: np.random.Generator, onsets: Sequence[float], length: float, modes: Sequence[tuple[float, float, float]], *, contact: float
) -> Samples:
    """A body struck at times (s). modes: frequency (Hz), time to 1 / e (s), level. contact: time of a blow (s). Peak about 0.5."""
    time = seconds(0.3)
    body = sum(level * np.exp(-time / decay) * np.sin(2 * np.pi * f * time) for f, decay, level in modes)
    blow = np.sin(np.pi * np.clip(time / contact, 0, 1)) * (time < contact)
    single = np.asarray(convolve(np.asarray(body), blow))
    sound = np.zeros(round(length * RATE))
    for onset in onsets:
        start = round((onset + generator.normal(0, 0.008)) * RATE)
        part = single[: len(sound) - start]
        sound[start : start + len(part)] += generator.uniform(0.7, 1.0) * part
    return np.asarray(0.5 * sound / np.abs(sound).max())


def faded(time: Samples) -> Samples:
    """A gain (N,) that rises and falls within 50 ms at the ends."""
    return np.asarray(np.clip(time / 0.05, 0, 1) * np.clip((time[-1] - time) / 0.05, 0, 1))
