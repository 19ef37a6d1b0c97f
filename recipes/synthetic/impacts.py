"""Impacts by rule: short bursts of noise that excite the modes of a body (modal synthesis): knocks, clinks, clangs, clicks, ticks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recipes.synthetic.sound import Samples, Sound
from recipes.synthetic.waveforms import choose, convolve, count, place, ring, white


def hit(rng: np.random.Generator, low: float, high: float, modes: int, decay: float, *, contact: float = 0.002) -> Samples:
    """One blow: `modes` modes between low and high (Hz), which decay in about `decay` s (higher ones sooner), and the noise of contact."""
    frequencies = np.sort(np.exp(rng.uniform(np.log(low), np.log(high), modes)))
    decays = decay * (frequencies / low) ** -rng.uniform(0.3, 0.7)
    amplitudes = rng.uniform(0.3, 1.0, modes) * (frequencies / low) ** -rng.uniform(0.0, 0.5)
    size = count(contact * 3)
    excitation = white(rng, size) * np.exp(-np.arange(size) / count(contact))
    return convolve(excitation, ring(list(frequencies), list(decays), list(amplitudes)))


def varied(rng: np.random.Generator, blow: Samples) -> Samples:
    """The same blow again, louder or softer, a little brighter or darker."""
    return np.asarray((blow + rng.uniform(-0.3, 0.3) * np.diff(blow, append=0.0)) * rng.uniform(0.6, 1.0))


def knock(rng: np.random.Generator, seconds: float) -> Sound:
    """Knuckles on a door: groups of two to five knocks."""
    blow = hit(rng, rng.uniform(90, 160), rng.uniform(2500, 5000), 60, rng.uniform(0.012, 0.03), contact=0.001)
    pieces, onset = [], rng.uniform(0.1, 0.8)
    while onset < seconds - 0.2:
        gap = rng.uniform(0.12, 0.26)
        for _ in range(int(rng.integers(2, 6))):
            pieces.append((onset, varied(rng, blow)))
            onset += gap * rng.uniform(0.9, 1.1)
        onset += rng.uniform(0.7, 2.0)
    return Sound(place(count(seconds), pieces), ("door wood knock",))


#: Material -> labels, modes between (Hz), number of modes, decays (seconds), pauses between blows (seconds).
_Material = tuple[tuple[str, ...], tuple[float, float], int, tuple[float, float], tuple[float, float]]
MATERIALS: dict[str, _Material] = {
    "glass": (("glass clinking",), (2200, 13000), 16, (0.04, 0.12), (0.25, 1.2)),
    "metal": (("metal clang",), (300, 9000), 40, (0.2, 0.7), (0.5, 1.8)),
    "wood": (("wood hit",), (250, 5000), 50, (0.008, 0.02), (0.25, 1.2)),
    "thump": (("thump",), (45, 400), 30, (0.025, 0.06), (0.6, 1.8)),
}


def impact(rng: np.random.Generator, seconds: float) -> Sound:
    """Blows on glass, metal, wood, or something heavy and soft."""
    material = choose(rng, tuple(MATERIALS))
    labels, (low, high), modes, decays, pauses = MATERIALS[material]
    blows = [hit(rng, low * rng.uniform(0.9, 1.2), high, modes, rng.uniform(*decays)) for _ in range(3)]
    pieces, onset = [], rng.uniform(0.05, 0.5)
    while onset < seconds - 0.1:
        pieces.append((onset, varied(rng, blows[int(rng.integers(3))])))
        onset += rng.uniform(*pauses)
    return Sound(place(count(seconds), pieces), labels, {"material": material})


def click(rng: np.random.Generator, seconds: float) -> Sound:
    """Clicks of switches, buttons and relays: single or double, at even or uneven times."""
    press, release = (hit(rng, rng.uniform(800, 2500), 12000, 40, rng.uniform(0.001, 0.005), contact=0.0005) for _ in range(2))
    double, even, mean = rng.random() < 0.5, rng.random() < 0.4, rng.uniform(0.15, 1.0)
    pieces, onset = [], rng.uniform(0.05, 0.5)
    while onset < seconds:
        pieces.append((onset, varied(rng, press)))
        if double:
            pieces.append((onset + rng.uniform(0.05, 0.13), 0.6 * varied(rng, release)))
        onset += 0.13 * double + mean * (1.0 if even else rng.lognormal(0, 0.5))
    return Sound(place(count(seconds), pieces), ("click",), {"double": int(double), "even": int(even)})


def clock(rng: np.random.Generator, seconds: float) -> Sound:
    """A clock: tick and tock in turn, each of two or three clicks of the escapement."""
    form = choose(rng, tuple(_CLOCKS))
    rate, low, high, decay = _CLOCKS[form](rng)
    tick, tock = (_escapement(rng, low * side, high, decay) for side in (1.0, rng.uniform(0.75, 0.95)))
    onsets = np.arange(rng.uniform(0, 1 / rate), seconds, 1 / rate)
    swing = rng.uniform(-0.06, 0.06) / rate
    pieces = [(float(onset) + (swing if number % 2 else 0.0), (tock if number % 2 else tick)) for number, onset in enumerate(onsets)]
    return Sound(place(count(seconds), pieces), ("clock tick",), {"form": form, "ticks_per_s": round(rate, 2)})


def _escapement(rng: np.random.Generator, low: float, high: float, decay: float) -> Samples:
    """A tick: a soft click, a loud one a few milliseconds later, and a third."""
    clicks = [hit(rng, low, high, 14, decay, contact=0.0006) for _ in range(3)]
    offsets, gains = (0.0, rng.uniform(0.004, 0.012), rng.uniform(0.015, 0.03)), (0.35, 1.0, 0.4)
    return place(count(0.25), [(offset, gain * one) for offset, gain, one in zip(offsets, gains, clicks, strict=True)])


_CLOCKS: dict[str, Callable[[np.random.Generator], tuple[float, float, float, float]]] = {
    "wall": lambda rng: (float(rng.choice([1.0, 2.0])), rng.uniform(900, 1800), 6000.0, rng.uniform(0.004, 0.01)),
    "pendulum": lambda rng: (rng.uniform(1.0, 1.6), rng.uniform(300, 700), 4000.0, rng.uniform(0.01, 0.03)),
    "alarm clock": lambda rng: (rng.uniform(3.3, 5.0), rng.uniform(1500, 2500), 8000.0, rng.uniform(0.003, 0.008)),
}
