"""Calibration errors of stated probabilities, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.metrics import calibration

STATED = np.array([0.1, 0.1, 0.8, 0.8, 0.8])
TRUTH = np.array([False, True, True, True, False])


def test_calibration() -> None:
    rng = np.random.default_rng(0)
    stated = rng.uniform(size=200_000)
    fair = rng.uniform(size=stated.size) < stated
    assert calibration.expected_error(stated, fair) < 0.01
    assert calibration.expected_error(stated, fair, adaptive=True) < 0.01
    assert calibration.expected_error(np.full(1000, 0.9), np.zeros(1000, dtype=bool)) == pytest.approx(0.9)
    table = calibration.reliability(np.array([0.0, 1.0, 0.99]), np.array([False, True, True]), bins=10)
    assert table.count[0] == 1 and table.count[-1] == 2 and table.count.sum() == 3
    with pytest.raises(InputError, match="not logits"):
        calibration.expected_error(np.array([2.0]), np.array([True]))


def test_errors_of_five_decisions_by_hand() -> None:
    """Two groups: 0.1 stated and 1 of 2 true; 0.8 stated and 2 of 3 true."""
    table = calibration.reliability(STATED, TRUTH, 2)
    assert table.count.tolist() == [2, 3] and table.edges.tolist() == [0, 0.5]
    assert table.predicted == pytest.approx([0.1, 0.8]) and table.observed == pytest.approx([1 / 2, 2 / 3])
    assert table.rows()[1] == {"from": 0.5, "to": 1.0, "count": 3, "predicted": 0.8, "observed": 0.666667}
    assert calibration.expected_error(STATED, TRUTH, 2) == pytest.approx((2 * 0.4 + 3 * (0.8 - 2 / 3)) / 5)
    assert calibration.brier(STATED, TRUTH) == pytest.approx((0.01 + 0.81 + 0.04 + 0.04 + 0.64) / 5)
    assert calibration.log_loss(STATED, TRUTH) == pytest.approx(-np.log([0.9, 0.1, 0.8, 0.8, 0.2]).mean())


def test_parts_of_the_brier_score_by_hand() -> None:
    parts = calibration.brier_parts(STATED, TRUTH, 2)
    assert parts.reliability == pytest.approx((2 * 0.4**2 + 3 * (0.8 - 2 / 3) ** 2) / 5)
    assert parts.resolution == pytest.approx((2 * 0.1**2 + 3 * (2 / 3 - 0.6) ** 2) / 5)
    assert parts.uncertainty == pytest.approx(0.6 * 0.4) and parts.within == pytest.approx(0, abs=1e-12)


def test_parts_add_up_to_the_brier_score() -> None:
    rng = np.random.default_rng(1)
    stated = rng.uniform(size=500)
    truth = rng.uniform(size=500) < stated**2
    for adaptive in (False, True):
        parts = calibration.brier_parts(stated, truth, 4, adaptive=adaptive)
        assert parts.within != 0
        total = parts.reliability - parts.resolution + parts.uncertainty + parts.within
        assert total == pytest.approx(calibration.brier(stated, truth))


def test_adaptive_bins_have_equal_counts() -> None:
    """Rare labels: all scores are in one bin of equal width, which hides that the order of the two halves is wrong."""
    stated, truth = np.array([0.01, 0.02, 0.03, 0.04]), np.array([True, False, False, False])
    assert calibration.bin_edges(stated, 2, adaptive=True).tolist() == [0, 0.03]
    assert calibration.reliability(stated, truth, 2, adaptive=True).count.tolist() == [2, 2]
    assert calibration.expected_error(stated, truth, 2) == pytest.approx(0.25 - 0.025)
    assert calibration.expected_error(stated, truth, 2, adaptive=True) == pytest.approx((2 * 0.485 + 2 * 0.035) / 4)
    assert calibration.expected_error(np.full(6, 0.5), np.array([True, False] * 3), 4, adaptive=True) == 0  # equal scores share a bin


def test_a_certain_mistake_has_a_finite_loss() -> None:
    assert calibration.log_loss(np.array([0.0]), np.array([True])) == pytest.approx(-np.log(calibration.CLIPPED))


def test_a_truth_of_another_type_is_refused() -> None:
    with pytest.raises(InputError, match="truth has type float64; wanted bool"):
        calibration.reliability(np.array([0.5]), np.array([np.nan]))
    with pytest.raises(InputError, match="bins is 0"):
        calibration.reliability(np.array([0.5]), np.array([True]), bins=0)
