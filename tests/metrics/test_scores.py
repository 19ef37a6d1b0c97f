"""Tagging, event, retrieval, calibration and intervals."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.core.errors import InputError
from auricle.metrics import bootstrap, calibration, curves, event, retrieval, tagging

from . import slow

pairs = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_average_precision_equals_the_slow_one(items: list[tuple[bool, int]]) -> None:
    truth, scores = [item[0] for item in items], [float(item[1]) for item in items]
    fast = curves.average_precision(np.array(truth), np.array(scores))
    assert fast == pytest.approx(slow.average_precision(truth, scores), nan_ok=True)


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_roc_area_is_the_chance_of_the_right_order(items: list[tuple[bool, int]]) -> None:
    truth, scores = np.array([item[0] for item in items]), np.array([float(item[1]) for item in items])
    gaps = scores[truth][:, None] - scores[~truth][None, :]
    wanted = ((gaps > 0) + 0.5 * (gaps == 0)).mean() if gaps.size else float("nan")
    assert curves.roc_area(truth, scores) == pytest.approx(wanted, nan_ok=True)


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


def test_event_accuracy() -> None:
    truth = np.array([0, 1, 2, 2])
    scores = np.array([[2.0, 1, 0], [0, 0, 1], [0, 1, 2], [1, 1, 1]])
    assert event.correct(truth, scores).tolist() == [True, False, True, False]
    found = event.evaluate(truth, scores, np.array([1, 1, 2, 2]))
    assert found == {"accuracy": 0.5, "macro_accuracy": 0.5, "accuracy_fold_1": 0.5, "accuracy_fold_2": 0.5}


def test_recall_counts_the_first_k_ranks_and_no_more() -> None:
    relevant, scores = np.array([[False, False, True, False]]), np.array([[4.0, 3, 2, 1]])  # the third
    assert [float(retrieval.recall_at(relevant, scores, k)[0]) for k in (1, 2, 3, 4)] == [0, 0, 1, 1]
    assert [float(retrieval.average_precisions_at(relevant, scores, k)[0]) for k in (1, 2, 3, 4)] == pytest.approx([0, 0, 1 / 3, 1 / 3])


def test_retrieval_ranks_ties_against_the_model() -> None:
    relevant = np.eye(3, dtype=bool)
    assert retrieval.evaluate(relevant, np.eye(3))["r1"] == 1.0
    assert retrieval.evaluate(relevant, np.zeros((3, 3))) == pytest.approx({"r1": 0.0, "r5": 1.0, "r10": 1.0, "map10": 1 / 3})
    several = np.array([[True, False, True, False]])
    assert retrieval.average_precisions_at(several, np.array([[4.0, 3, 2, 1]]), 10)[0] == pytest.approx((1 + 2 / 3) / 2)
    assert math.isnan(retrieval.recall_at(np.zeros((1, 2), dtype=bool), np.ones((1, 2)), 1)[0])


def test_calibration() -> None:
    rng = np.random.default_rng(0)
    stated = rng.uniform(size=200_000)
    fair = rng.uniform(size=stated.size) < stated
    assert calibration.expected_error(stated, fair) < 0.01
    assert calibration.expected_error(np.full(1000, 0.9), np.zeros(1000, dtype=bool)) == pytest.approx(0.9)
    table = calibration.reliability(np.array([0.0, 1.0, 0.99]), np.array([False, True, True]), bins=10)
    assert table.count[0] == 1 and table.count[-1] == 2 and table.count.sum() == 3
    assert calibration.brier(np.array([1.0, 0.5]), np.array([True, False])) == 0.125
    with pytest.raises(InputError, match="not logits"):
        calibration.expected_error(np.array([2.0]), np.array([True]))


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


@pytest.mark.parametrize("module", [tagging, retrieval])
def test_shapes_and_types_are_checked(module: object) -> None:
    with pytest.raises(InputError, match="shape"):
        module.evaluate(np.zeros((2, 3), dtype=bool), np.zeros((3, 2)))  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="wanted bool"):
        module.evaluate(np.zeros((2, 3)), np.zeros((2, 3)))  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="NaN"):
        module.evaluate(np.zeros((1, 1), dtype=bool), np.array([[np.nan]]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("measure", [curves.average_precision, curves.roc_area])
def test_curves_check_what_they_get(measure: Callable[[np.ndarray, np.ndarray], float]) -> None:
    with pytest.raises(InputError, match="shape"):
        measure(np.zeros(2, dtype=bool), np.zeros(3))
    with pytest.raises(InputError, match="wanted bool"):
        measure(np.array([0, 1]), np.zeros(2))
    for value in (np.nan, np.inf):
        with pytest.raises(InputError, match="NaN or infinity"):
            measure(np.array([True, False]), np.array([value, 0.0]))


def test_a_truth_of_another_type_is_refused() -> None:
    with pytest.raises(InputError, match="truth has type float64; wanted whole numbers"):
        event.evaluate(np.array([0.0, np.nan]), np.zeros((2, 2)))
    with pytest.raises(InputError, match="folds are int64 of shape"):
        event.evaluate(np.array([0, 1]), np.zeros((2, 2)), np.array([1]))
    with pytest.raises(InputError, match="truth has type float64; wanted bool"):
        calibration.evaluate(np.array([0.5]), np.array([np.nan]))
    with pytest.raises(InputError, match="bins is 0"):
        calibration.evaluate(np.array([0.5]), np.array([True]), bins=0)


@pytest.mark.parametrize("k", [0, -1])
def test_ranks_are_counted_from_one(k: int) -> None:
    for measure in (retrieval.recall_at, retrieval.average_precisions_at):
        with pytest.raises(InputError, match=f"k is {k}; wanted 1 or more"):
            measure(np.ones((1, 2), dtype=bool), np.zeros((1, 2)), k)
