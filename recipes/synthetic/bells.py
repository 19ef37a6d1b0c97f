"""Bells by rule: sums of inharmonic partials (T. Rossing, Science of Percussion Instruments, 2000, on bells, bars and gongs)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recipes.synthetic import reverberation
from recipes.synthetic.alarms import hammered_bell
from recipes.synthetic.sound import Samples, Sound
from recipes.synthetic.waveforms import choose, convolve, count, place, ring

#: Partials of a tuned church bell relative to its strike note: hum, prime, tierce, quint, nominal and higher ones; with amplitudes.
CHURCH = (
    (0.5, 0.4),
    (1.0, 0.5),
    (1.2, 0.9),
    (1.5, 0.3),
    (2.0, 1.2),
    (2.52, 0.6),
    (2.66, 0.7),
    (3.01, 1.0),
    (4.17, 0.8),
    (5.43, 0.6),
    (6.79, 0.4),
)
#: Modes of a free bar or tube relative to the lowest.
BAR = ((1.0, 1.0), (2.76, 0.5), (5.40, 0.3), (8.93, 0.15))
#: Modes of a bowl; each is a pair, slightly apart, that beats.
BOWL = ((1.0, 1.0), (2.8, 0.7), (5.2, 0.35), (8.0, 0.15))


def bell(rng: np.random.Generator, seconds: float) -> Sound:
    """Church bells, a hand bell, a bicycle bell, a doorbell, wind chimes, a singing bowl or an alarm bell."""
    form = choose(rng, tuple(_BELLS))
    labels, generate = _BELLS[form]
    return Sound(generate(rng, seconds), labels, {"form": form})


def _clapper(rng: np.random.Generator, stroke: Samples) -> Samples:
    """Add the blow of a clapper: bright partials that decay at once."""
    frequencies = [float(f) for f in rng.uniform(1500, 7000, 12)]
    blow = ring(frequencies, [rng.uniform(0.02, 0.12) for _ in frequencies], [rng.uniform(0.1, 0.5) for _ in frequencies])
    struck = stroke.copy()
    struck[: len(blow)] += blow[: len(struck)]
    return struck


def _struck(rng: np.random.Generator, partials: tuple[tuple[float, float], ...], frequency: float, decay: float, fall: float) -> Samples:
    """One stroke: every partial twice, slightly apart, since no bell is quite round; higher ones decay sooner, by ratio**-fall."""
    frequencies, decays, amplitudes = [], [], []
    for ratio, amplitude in partials:
        for side in (1 - 0.0008, 1 + 0.0008):
            frequencies.append(frequency * ratio * side * rng.uniform(0.999, 1.001))
            decays.append(decay * ratio**-fall)
            amplitudes.append(amplitude * rng.uniform(0.4, 1.0))
    return ring(frequencies, decays, amplitudes, seconds=min(10.0, 6 * decay))


def _church(rng: np.random.Generator, seconds: float) -> Samples:
    """One to five bells of a scale, swinging each with its own period."""
    lowest, pieces = rng.uniform(300, 650), list[tuple[float, Samples]]()
    for ratio in (1.0, 1.125, 1.25, 1.5, 1.667)[: int(rng.integers(1, 6))]:
        stroke = _clapper(rng, _struck(rng, CHURCH, lowest * ratio, rng.uniform(2.0, 4.5), 0.9))
        period = rng.uniform(1.0, 2.4)
        onsets = np.arange(rng.uniform(0, 1.0), seconds, period) + rng.normal(0, 0.02, len(np.arange(0, seconds, period)) + 1)[0]
        pieces += [(max(0.0, float(onset)), stroke * rng.uniform(0.7, 1.0)) for onset in onsets]
    rung = place(count(seconds), pieces)
    if rng.random() < 0.7:  # heard from the street, with its echoes
        rung = convolve(rung, reverberation.response(rng, rng.uniform(0.6, 1.6), direct=rng.uniform(0, 12)))[: len(rung)]
    return rung


def _hand_bell(rng: np.random.Generator, seconds: float) -> Samples:
    """A small bell, shaken."""
    frequency, onset, pieces = rng.uniform(1200, 3000), rng.uniform(0, 0.5), list[tuple[float, Samples]]()
    strokes = [_struck(rng, CHURCH[1:], frequency, rng.uniform(0.3, 0.8), 0.5) for _ in range(2)]
    while onset < seconds:
        pieces.append((onset, strokes[len(pieces) % 2] * rng.uniform(0.5, 1.0)))
        onset += rng.uniform(0.1, 0.3) if rng.random() < 0.85 else rng.uniform(0.5, 1.2)
    return place(count(seconds), pieces)


def _bicycle(rng: np.random.Generator, seconds: float) -> Samples:
    """The ring of a thumb lever: bursts of fast strokes on a small high gong."""
    frequency, pieces, onset = rng.uniform(2200, 3600), [], rng.uniform(0, 0.5)
    stroke = _struck(rng, BOWL, frequency, rng.uniform(0.25, 0.5), 0.4)
    while onset < seconds:
        burst, gap = int(rng.integers(4, 9)), rng.uniform(0.035, 0.07)
        pieces += [(onset + gap * number, stroke * rng.uniform(0.5, 1.0)) for number in range(burst)]
        onset += burst * gap + rng.uniform(0.2, 0.5 if rng.random() < 0.5 else 2.0)
    return place(count(seconds), pieces)


def _doorbell(rng: np.random.Generator, seconds: float) -> Samples:
    """Ding-dong: two bars a third or a fourth apart, the lower one second."""
    high, pieces, onset = rng.uniform(550, 900), [], rng.uniform(0, 0.5)
    low = high / rng.choice([1.25, 1.19, 1.33])
    ding, dong = (_struck(rng, BAR, float(f), rng.uniform(0.6, 1.2), 1.0) for f in (high, low))
    while onset < seconds:
        gap = rng.uniform(0.35, 0.8)
        pieces += [(onset, ding), (onset + gap, dong)]
        onset += gap + rng.uniform(1.2, 3.5)
    return place(count(seconds), pieces)


def _wind_chimes(rng: np.random.Generator, seconds: float) -> Samples:
    """Five to seven tubes of a pentatonic scale, struck at random, in gusts."""
    lowest, pieces = rng.uniform(700, 1500), list[tuple[float, Samples]]()
    ratios = np.array([1.0, 1.125, 1.25, 1.5, 1.667, 2.0, 2.25])[: int(rng.integers(5, 8))]
    tubes = [_struck(rng, BAR, lowest * ratio, rng.uniform(1.0, 2.0), 0.8) for ratio in ratios]
    onset = 0.0
    while onset < seconds:
        pieces.append((onset, tubes[int(rng.integers(len(tubes)))] * rng.uniform(0.2, 1.0)))
        onset += rng.exponential(0.12 if np.sin(onset * 1.3 + len(ratios)) > 0 else 0.5)
    return place(count(seconds), pieces)


def _bowl(rng: np.random.Generator, seconds: float) -> Samples:
    """A singing bowl, struck every few seconds."""
    stroke = _struck(rng, BOWL, rng.uniform(180, 450), rng.uniform(2.5, 4.5), 0.8)
    return place(count(seconds), [(float(onset), stroke) for onset in np.arange(rng.uniform(0, 0.5), seconds, rng.uniform(3, 6))])


def _alarm_bell(rng: np.random.Generator, seconds: float) -> Samples:
    return hammered_bell(rng, seconds, rng.uniform(700, 1400), rng.uniform(10, 18))


_BELLS: dict[str, tuple[tuple[str, ...], Callable[[np.random.Generator, float], Samples]]] = {
    "church": (("bell", "church bells"), _church),
    "hand bell": (("bell", "hand bell"), _hand_bell),
    "bicycle": (("bell", "bicycle bell"), _bicycle),
    "doorbell": (("doorbell",), _doorbell),
    "wind chimes": (("chime", "wind chimes"), _wind_chimes),
    "singing bowl": (("singing bowl",), _bowl),
    "alarm bell": (("bell", "alarm"), _alarm_bell),
}
