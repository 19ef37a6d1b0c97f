"""Steady sounds by rule: tones, sweeps, hum of mains, noise, silence."""

from __future__ import annotations

import numpy as np

from recipes.synthetic.sound import Samples, Sound
from recipes.synthetic.waveforms import band, choose, coloured, count, drift, fade, gate, harmonics, loudest, times, white


def tone(rng: np.random.Generator, seconds: float) -> Sound:
    """A sine wave, a harmonic tone, or a sweep."""
    form = choose(rng, ("sine", "sine", "harmonic", "sweep"))
    size = count(seconds)
    low, high = (300.0, 5000.0) if form == "sine" else (100.0, 600.0)
    frequency = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    settings: dict[str, str | int | float] = {"form": form, "frequency_hz": round(frequency, 1)}
    if form == "sine":
        return Sound(fade(_interrupted(rng, harmonics(frequency, [1.0], size)), 0.02), ("tone", "sine wave"), settings)
    if form == "harmonic":
        amplitudes = [float(rng.uniform(0.2, 1.0)) / k for k in range(1, int(rng.integers(3, 12)))]
        return Sound(fade(harmonics(frequency, amplitudes, size), 0.02), ("tone", "harmonic tone"), settings)
    return Sound(_sweeps(rng, seconds, settings), ("tone", "chirp tone"), settings)


def _interrupted(rng: np.random.Generator, samples: Samples) -> Samples:
    """Some tones pause, some do not."""
    if rng.random() < 0.7:
        return samples
    return samples * gate([(rng.uniform(0.6, 2.0), True), (rng.uniform(0.3, 1.0), False)], len(samples), edge=0.02)


def _sweeps(rng: np.random.Generator, seconds: float, settings: dict[str, str | int | float]) -> Samples:
    """Exponential sweeps, one after the other."""
    length = float(rng.uniform(0.4, min(4.0, seconds)))
    low, high = rng.uniform(100, 500), rng.uniform(2500, 7500)
    position = times(seconds) / length % 1.0
    if rng.random() < 0.3:
        position = 1.0 - position
    settings |= {"sweep_s": round(length, 2), "from_hz": round(low), "to_hz": round(high)}
    edge = np.minimum(1.0, np.minimum(position, 1.0 - position) * length / 0.01)
    return np.asarray(edge * harmonics(low * (high / low) ** position, [1.0], count(seconds)))


def hum(rng: np.random.Generator, seconds: float) -> Sound:
    """The hum of mains and transformers: harmonics of 50 or 60 Hz, mostly the low and even ones, over the noise of the equipment."""
    mains = float(rng.choice([50.0, 60.0]))
    size = count(seconds)
    frequency = mains * (1 + 0.0004 * drift(rng, size, 0.3))
    fall = rng.uniform(1.4, 2.4)
    amplitudes = [rng.uniform(0.3, 1.0) * (1.0 if k % 2 == 0 else rng.uniform(0.1, 0.5)) / k**fall for k in range(1, 24)]
    samples = loudest(harmonics(frequency, amplitudes, size)) * (1 + 0.05 * drift(rng, size, 1.0))
    noise = coloured(rng, size, rng.uniform(0.0, 2.0)) * 10 ** (rng.uniform(-44, -29) / 20)
    return Sound(fade(samples + noise, 0.05), ("hum", "mains hum"), {"mains_hz": mains})


#: Colour -> (labels, slope in dB an octave). Hiss and static have their own spectra.
COLOURS: dict[str, tuple[tuple[str, ...], float]] = {
    "white": (("noise", "white noise"), 0.0),
    "pink": (("noise", "pink noise"), 3.0),
    "brown": (("noise", "brown noise"), 6.0),
    "hiss": (("noise", "hiss"), 0.0),
    "static": (("noise", "static"), 1.0),
}


def noise(rng: np.random.Generator, seconds: float) -> Sound:
    """White, pink or brown noise, hiss (without low frequencies), or the static of a radio between stations."""
    colour = choose(rng, tuple(COLOURS))
    labels, slope = COLOURS[colour]
    size = count(seconds)
    samples = coloured(rng, size, slope)
    if colour == "hiss":
        samples = band(samples, rng.uniform(2000, 4000), order=2)
    if colour == "static":
        crackles = np.where(rng.random(size) < rng.uniform(2e-4, 2e-3), rng.standard_normal(size) * 30, 0.0)
        samples = band(samples * (1 + 0.4 * drift(rng, size, 8.0)) + crackles, 300.0, rng.uniform(3000, 6000))
    return Sound(fade(samples, 0.05), labels, {"colour": colour})


def silence(rng: np.random.Generator, seconds: float) -> Sound:
    """A quiet room: faint noise of any colour with faint hum; its level is part of the sound, see augmentation.LEVELS."""
    size = count(seconds)
    samples = coloured(rng, size, rng.uniform(0.0, 6.0)) + 0.1 * white(rng, size)
    if rng.random() < 0.4:
        samples += rng.uniform(0.1, 0.5) * harmonics(float(rng.choice([50.0, 60.0])), [1.0, 0.6, 0.2, 0.2], size)
    return Sound(samples, ("silence",))
