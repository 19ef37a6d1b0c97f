"""Impulse responses of made-up rooms: image sources for the early part, decaying noise for the rest.

Early: a box-shaped room, reflections up to order two (Allen and Berkley, JASA 65, 1979), one gain for all walls. Late: noise in octave
bands whose decay is shorter at high frequencies, at the level that an evenly filled room has (Sabine).
"""

from __future__ import annotations

import itertools

import numpy as np

from recipes.synthetic.sound import RATE, Samples
from recipes.synthetic.waveforms import band, count, white

#: Speed of sound, m/s.
SPEED = 343.0
#: Octave bands of the late part: lower edge (Hz), and the reverberation time there relative to that of the room.
BANDS = ((0.0, 1.2), (350.0, 1.1), (1400.0, 1.0), (2800.0, 0.8), (5600.0, 0.5))


def response(rng: np.random.Generator, rt60: float, *, direct: float) -> Samples:
    """Impulse response of a random room, (N,), direct sound at 0 with gain 1.

    rt60: reverberation time, seconds. direct: level of the direct sound over that of the late part, dB: high near the microphone.
    """
    sides = _sides(rng, rt60)
    volume, surface = float(np.prod(sides)), 2 * float(sides[0] * sides[1] + sides[1] * sides[2] + sides[0] * sides[2])
    absorption = min(0.9, 0.161 * volume / (surface * rt60))
    # At the critical distance (m), direct sound and diffuse field have the same energy.
    distance = 0.057 * np.sqrt(volume / rt60) * 10 ** (-direct / 20)
    early = _images(rng, sides, np.sqrt(1 - absorption), distance)
    late = _tail(rng, rt60)
    late *= 10 ** (-direct / 20) / max(float(np.sqrt(np.sum(late**2))), 1e-12)
    size = max(len(early), len(late))
    return np.pad(early, (0, size - len(early))) + np.pad(late, (0, size - len(late)))


def _sides(rng: np.random.Generator, rt60: float) -> Samples:
    """Length, width and height in metres: long reverberation belongs to large rooms."""
    scale = float(np.clip(rt60, 0.2, 4.0)) ** 0.7
    sides = np.array([rng.uniform(4.0, 9.0), rng.uniform(3.0, 7.0), rng.uniform(2.4, 4.5)]) * max(0.6, scale)
    return np.asarray(sides, dtype=np.float64)


def _images(rng: np.random.Generator, sides: Samples, reflection: float, distance: float) -> Samples:
    """Direct sound and reflections of orders one and two."""
    source = sides * rng.uniform(0.2, 0.8, 3)
    direction = rng.standard_normal(3)
    listener = np.clip(source + direction / np.linalg.norm(direction) * distance, 0.05 * sides, 0.95 * sides)
    direct = max(0.1, float(np.linalg.norm(source - listener)))
    arrivals = []
    for cell in itertools.product((-2, -1, 0, 1, 2), repeat=3):
        order = sum(map(abs, cell))
        if order <= 2:
            image = np.array([n * side + (s if n % 2 == 0 else side - s) for n, side, s in zip(cell, sides, source, strict=True)])
            path = max(direct, float(np.linalg.norm(image - listener)))
            arrivals.append(((path - direct) / SPEED, reflection**order * direct / path))
    early = np.zeros(count(max(delay for delay, _ in arrivals)) + 1)
    for delay, gain in arrivals:
        early[round(delay * RATE)] += gain
    return early


def _tail(rng: np.random.Generator, rt60: float) -> Samples:
    """Noise that decays by 60 dB in rt60 seconds, after a short build-up."""
    size = count(min(rt60 * 1.1, 4.0))
    time = np.arange(size) / RATE
    total = np.zeros(size)
    noise = white(rng, size)
    for number, (low, share) in enumerate(BANDS):
        high = BANDS[number + 1][0] if number + 1 < len(BANDS) else 0.0
        total += band(noise, low, high, order=4) * np.exp(-6.908 * time / (rt60 * share))
    return total * np.minimum(1.0, time / 0.015)
