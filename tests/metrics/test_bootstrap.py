"""Intervals over recordings, and of counts."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.metrics import bootstrap


def test_intervals() -> None:
    values = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap.interval(values, seed=3)
    assert (low, high) == bootstrap.interval(values, seed=3)
    assert low < values.mean() < high and high - low == pytest.approx(4 / 20, rel=0.15)
    alike = np.repeat(values[:20], 20)
    wide = bootstrap.interval_of(lambda items: float(alike[items].mean()), 400, groups=np.repeat(np.arange(20), 20))
    narrow = bootstrap.interval(alike)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_wilson_has_room_at_the_ends() -> None:
    assert bootstrap.wilson(0, 20) == pytest.approx((0.0, 0.161125), abs=1e-5)
    assert bootstrap.wilson(20, 20) == pytest.approx((0.838875, 1.0), abs=1e-5)
    assert bootstrap.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I, method 3
    with pytest.raises(InputError, match="wanted 0 <= hits"):
        bootstrap.wilson(3, 2)
