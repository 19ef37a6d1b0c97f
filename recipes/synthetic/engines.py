"""Engines by rule: a pulse for each firing, uneven from cylinder to cylinder, through the resonances of exhaust and body, with noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recipes.synthetic.alarms import passing_by
from recipes.synthetic.sound import RATE, Samples, Sound
from recipes.synthetic.waveforms import band, choose, coloured, convolve, count, drift, loudest, ring, times, white


@dataclass(frozen=True)
class EngineType:
    """cylinders: of a four-stroke engine, which fires cylinders / 2 times a turn. idle, top: turns a minute. exhaust: lowest resonance, Hz.

    knock: level of the clatter of a diesel, 0 to 1. noise: level of intake and mechanics. uneven: difference between cylinders.
    """

    labels: tuple[str, ...]
    cylinders: tuple[int, ...]
    idle: tuple[float, float]
    top: tuple[float, float]
    exhaust: tuple[float, float]
    knock: float = 0.0
    noise: float = 0.2
    uneven: float = 0.15


TYPES = {
    "car": EngineType(("car",), (4, 4, 6), (650, 950), (2500, 5500), (60, 110)),
    "truck": EngineType(("truck",), (6, 8), (500, 700), (1300, 2200), (35, 60), knock=0.6, noise=0.4),
    "motorcycle": EngineType(("motorcycle",), (2, 2, 4), (1200, 1700), (4000, 8000), (70, 140), noise=0.35, uneven=0.35),
    "lawn mower": EngineType(("lawn mower",), (2,), (2800, 3400), (3400, 3800), (100, 200), noise=1.0, uneven=0.4),
    "boat": EngineType(("motorboat",), (2, 4), (800, 1300), (2500, 4500), (60, 120), noise=0.5),
}


def engine(rng: np.random.Generator, seconds: float) -> Sound:
    """The engine of a car, truck, motorcycle, lawn mower or boat: idling, revving or driving past."""
    name = choose(rng, tuple(TYPES))
    kind = TYPES[name]
    course = choose(rng, ("idling", "accelerating", "passing") if name != "lawn mower" else ("idling",))
    turns = _COURSES[course](rng, seconds, rng.uniform(*kind.idle), rng.uniform(*kind.top))
    size, gain = len(turns), np.ones(len(turns))
    if course == "passing":
        shift, gain = passing_by(rng, seconds)
        turns = turns * shift
    load = np.clip(np.gradient(turns) * RATE / 1500, 0, 1) * 0.6 + 0.4 + 0.3 * (turns - turns.min()) / max(kind.top[1], 1.0)
    samples = firing(rng, turns, kind, load)
    if course == "passing":
        samples = (samples + rng.uniform(0.3, 0.9) * _tyres(rng, size)) * gain
    labels = ("engine", *kind.labels, *({"idling": ("idling",), "accelerating": ("accelerating",)}.get(course, ())))
    settings: dict[str, str | int] = {
        "type": name,
        "course": course,
        "rpm_low": round(float(turns.min())),
        "rpm_high": round(float(turns.max())),
    }
    return Sound(samples[:size], labels, settings)


def firing(rng: np.random.Generator, turns: Samples, kind: EngineType, load: Samples) -> Samples:
    """The sound of an engine. turns: turns a minute, (N,). load: gain of each firing, (N,)."""
    cylinders = int(rng.choice(kind.cylinders))
    position = np.cumsum(turns * (1 + 0.02 * drift(rng, len(turns), 12.0))) / 60 / RATE * cylinders / 2
    fired = np.flatnonzero(np.diff(np.floor(position)) > 0)
    strength = 1 + kind.uneven * rng.standard_normal(cylinders)
    shift = rng.normal(0, 0.04, cylinders)  # of a cylinder's firing, as a part of the interval
    order = np.arange(len(fired)) % cylinders
    interval = 60 * RATE / np.maximum(turns[fired], 60) * 2 / cylinders
    onsets = np.clip(fired + (shift[order] + rng.normal(0, 0.03, len(fired))) * interval, 0, len(turns) - 1).astype(int)
    pulses = np.zeros(len(turns))
    np.add.at(pulses, onsets, strength[order] * (1 + 0.25 * rng.standard_normal(len(fired))) * load[onsets])
    exhaust = _exhaust(rng, rng.uniform(*kind.exhaust))
    body = loudest(np.tanh(2 * loudest(convolve(pulses, exhaust)[: len(turns)])))
    return body + kind.noise * _blown(rng, pulses) + kind.knock * _clatter(rng, pulses) + 0.02 * coloured(rng, len(turns), 3.0)


def _tyres(rng: np.random.Generator, size: int) -> Samples:
    """The noise of tyres and wind of a vehicle that drives."""
    return loudest(band(coloured(rng, size, 2.0), rng.uniform(150, 400), rng.uniform(1500, 4000), order=1))


def _exhaust(rng: np.random.Generator, lowest: float) -> Samples:
    """Impulse response of pipe and silencer: odd and even modes of a pipe, and a few of the body."""
    ratios = [1.0, 2.0, 3.0, 4.1, 5.2, 7.1, 9.3, 12.4, 17.0, 24.0]
    frequencies = [lowest * ratio * rng.uniform(0.93, 1.07) for ratio in ratios]
    decays = [rng.uniform(0.6, 1.2) * 0.025 / ratio**0.5 for ratio in ratios]
    amplitudes = [rng.uniform(0.4, 1.0) / ratio ** rng.uniform(0.25, 0.6) for ratio in ratios]
    return ring(frequencies, decays, amplitudes)


def _blown(rng: np.random.Generator, pulses: Samples) -> Samples:
    """Noise of gas and intake, loudest after each firing."""
    envelope = convolve(np.abs(pulses), np.exp(-np.arange(count(0.03)) / count(0.006)))[: len(pulses)]
    shaped = band(white(rng, len(pulses)), rng.uniform(200, 500), rng.uniform(2500, 5000), order=1)
    return loudest(shaped * (loudest(envelope) + 0.15))


def _clatter(rng: np.random.Generator, pulses: Samples) -> Samples:
    """The knocking of a diesel: each firing strikes the block."""
    frequencies = [float(f) for f in rng.uniform(900, 4500, 8)]
    block = ring(frequencies, [rng.uniform(0.002, 0.006) for _ in frequencies], [rng.uniform(0.3, 1.0) for _ in frequencies])
    return loudest(convolve(pulses * rng.uniform(0.3, 1.0, len(pulses)), block)[: len(pulses)])


def _idling(rng: np.random.Generator, seconds: float, idle: float, top: float) -> Samples:
    return idle * (1 + 0.015 * drift(rng, count(seconds), 1.5))


def _accelerating(rng: np.random.Generator, seconds: float, idle: float, top: float) -> Samples:
    """Revs, or gears that are changed upwards: turns rise, and fall faster."""
    time, turns, start = times(seconds), np.full(count(seconds), idle), rng.uniform(0.2, 0.8)
    while start < seconds:
        rise, fall = rng.uniform(0.5, 2.0), rng.uniform(0.4, 1.2)
        up, down = np.clip((time - start) / rise, 0, 1) ** 0.8, np.clip((time - start - rise) / fall, 0, 1)
        turns = np.maximum(turns, idle + (top * rng.uniform(0.6, 1.0) - idle) * up * (1 - down) ** 1.5)
        start += rise + fall + rng.uniform(0.0, 1.0)
    return turns * (1 + 0.006 * drift(rng, len(turns), 4.0))


def _passing(rng: np.random.Generator, seconds: float, idle: float, top: float) -> Samples:
    driving = idle + (top - idle) * rng.uniform(0.2, 0.7)
    return driving * (1 + 0.15 * times(seconds) / seconds) * (1 + 0.004 * drift(rng, count(seconds), 2.0))


_COURSES: dict[str, Callable[[np.random.Generator, float, float, float], Samples]] = {
    "idling": _idling,
    "accelerating": _accelerating,
    "passing": _passing,
}
