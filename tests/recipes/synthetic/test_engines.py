from __future__ import annotations

import numpy as np
import pytest

from recipes.synthetic import engines
from recipes.synthetic.sound import RATE


@pytest.mark.parametrize(("cylinders", "turns"), [(4, 800.0), (2, 1500.0)])
def test_an_engine_fires_half_its_cylinders_a_turn(cylinders: int, turns: float) -> None:
    kind = engines.EngineType((), (cylinders,), (0, 0), (0, 0), (80, 80), uneven=0.0, noise=0.0)
    sound = engines.firing(np.random.default_rng(0), np.full(8 * RATE, turns), kind, np.ones(8 * RATE))
    envelope = np.abs(sound).reshape(-1, RATE // 400).max(axis=1)
    spectrum = np.abs(np.fft.rfft(envelope - envelope.mean()))
    frequency = np.fft.rfftfreq(len(envelope), 1 / 400)
    low = (frequency > 5) & (frequency < 60)
    assert frequency[low][spectrum[low].argmax()] == pytest.approx(turns / 60 * cylinders / 2, rel=0.05)


def test_courses() -> None:
    rng = np.random.default_rng(0)
    idling, accelerating = engines._idling(rng, 5.0, 800.0, 4000.0), engines._accelerating(rng, 5.0, 800.0, 4000.0)
    assert np.abs(idling / 800 - 1).max() < 0.1
    assert accelerating.max() > 2 * accelerating.min() > 1000
