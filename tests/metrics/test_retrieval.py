"""Recall and precision of ranked hits against values by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.metrics import retrieval


def test_retrieval_ranks_ties_against_the_model() -> None:
    relevant = np.eye(3, dtype=bool)
    assert retrieval.evaluate(relevant, np.eye(3))["r1"] == 1.0
    assert retrieval.evaluate(relevant, np.zeros((3, 3))) == pytest.approx({"r1": 0.0, "r5": 1.0, "r10": 1.0, "map10": 1 / 3})
    several = np.array([[True, False, True, False]])
    assert retrieval.average_precisions_at(several, np.array([[4.0, 3, 2, 1]]), 10)[0] == pytest.approx((1 + 2 / 3) / 2)
    assert math.isnan(retrieval.recall_at(np.zeros((1, 2), dtype=bool), np.ones((1, 2)), 1)[0])


def test_recall_counts_the_first_k_ranks_and_no_more() -> None:
    relevant, scores = np.array([[False, False, True, False]]), np.array([[4.0, 3, 2, 1]])  # the third
    assert [float(retrieval.recall_at(relevant, scores, k)[0]) for k in (1, 2, 3, 4)] == [0, 0, 1, 1]
    assert [float(retrieval.average_precisions_at(relevant, scores, k)[0]) for k in (1, 2, 3, 4)] == pytest.approx([0, 0, 1 / 3, 1 / 3])


@pytest.mark.parametrize("k", [0, -1])
def test_ranks_are_counted_from_one(k: int) -> None:
    for measure in (retrieval.recall_at, retrieval.average_precisions_at):
        with pytest.raises(InputError, match=f"k is {k}; wanted 1 or more"):
            measure(np.ones((1, 2), dtype=bool), np.zeros((1, 2)), k)


def test_ranks_count_ties_as_before_the_correct_answer() -> None:
    same = np.array([0.6, 0.8], np.float32)
    assert retrieval.ranks(same[None], np.stack([same] * 4), [np.array([1, 2])]) == [[3, 4]]


def test_scores_of_ranks() -> None:
    scores = retrieval.scores_of_ranks([2, 4, 30])
    assert {name: scores[name] for name in ("r1", "r5", "r10")} == {"r1": 0.0, "r5": 1.0, "r10": 1.0}
    assert scores["map10"] == pytest.approx((1 / 2 + 2 / 4) / 3)
