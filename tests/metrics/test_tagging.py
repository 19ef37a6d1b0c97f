"""Scores of tagging against values by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.metrics import retrieval, tagging


def test_tagging_by_hand() -> None:
    truth = np.array([[True, False, True], [False, True, False], [False, False, False]])
    scores = np.array([[0.9, 0.8, 0.7], [0.1, 0.9, 0.2], [0.95, 0.1, 0.1]])
    assert tagging.average_precisions(truth, scores) == pytest.approx([0.5, 1.0, 1.0])
    assert tagging.mean_average_precision(truth, scores) == pytest.approx(2.5 / 3)
    assert tagging.label_ranking_precisions(truth, scores) == pytest.approx([(1 + 2 / 3) / 2, 1.0, float("nan")], nan_ok=True)
    assert tagging.lwlrap(truth, scores) == pytest.approx((1 + 2 / 3 + 1) / 3)
    assert tagging.dprime(0.5) == 0.0
    assert tagging.dprime(0.9) == pytest.approx(1.8123876)
    assert tagging.dprime(1.0) == math.inf


def test_tagging_is_best_when_perfect_and_silent_when_empty() -> None:
    truth = np.eye(4, dtype=bool)
    assert tagging.evaluate(truth, truth.astype(float)) == {"map": 1.0, "lwlrap": 1.0, "dprime": math.inf}
    empty = tagging.evaluate(np.zeros((2, 3), dtype=bool), np.zeros((2, 3)))
    assert all(math.isnan(value) for value in empty.values())


@pytest.mark.parametrize("module", [tagging, retrieval])
def test_shapes_and_types_are_checked(module: object) -> None:
    with pytest.raises(InputError, match="shape"):
        module.evaluate(np.zeros((2, 3), dtype=bool), np.zeros((3, 2)))  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="wanted bool"):
        module.evaluate(np.zeros((2, 3)), np.zeros((2, 3)))  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="NaN"):
        module.evaluate(np.zeros((1, 1), dtype=bool), np.array([[np.nan]]))  # type: ignore[attr-defined]


def test_resampled_metrics_equal_those_of_the_drawn_clips() -> None:
    rng = np.random.default_rng(0)
    truth, scores = rng.random((50, 6)) < 0.2, np.round(rng.random((50, 6)), 1)  # many ties
    truth[:, 5] = False
    for _ in range(5):
        drawn = rng.integers(50, size=50)
        wanted = tagging.evaluate(truth[drawn], scores[drawn])
        for name, metric in tagging.resampled(truth, scores).items():
            assert metric.statistic(drawn) == pytest.approx(wanted[name]), name
