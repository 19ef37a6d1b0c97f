"""Calibration errors of stated probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.metrics import calibration


def test_calibration() -> None:
    rng = np.random.default_rng(0)
    stated = rng.uniform(size=200_000)
    fair = rng.uniform(size=stated.size) < stated
    assert calibration.expected_error(stated, fair) < 0.01
    assert calibration.expected_error(np.full(1000, 0.9), np.zeros(1000, dtype=bool)) == pytest.approx(0.9)
    table = calibration.reliability(np.array([0.0, 1.0, 0.99]), np.array([False, True, True]), bins=10)
    assert table.count[0] == 1 and table.count[-1] == 2 and table.count.sum() == 3
    with pytest.raises(InputError, match="not logits"):
        calibration.expected_error(np.array([2.0]), np.array([True]))


def test_a_truth_of_another_type_is_refused() -> None:
    with pytest.raises(InputError, match="truth has type float64; wanted bool"):
        calibration.reliability(np.array([0.5]), np.array([np.nan]))
    with pytest.raises(InputError, match="bins is 0"):
        calibration.reliability(np.array([0.5]), np.array([True]), bins=0)
