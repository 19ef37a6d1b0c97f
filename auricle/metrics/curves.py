"""Areas under threshold curves: average precision, ROC AUC, step functions.

`Ranking` computes both of one label for any resample of its items; `average_precision` and `roc_auc` do so for the items themselves.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError


def validate(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> None:
    """Raise InputError unless both are (N,), truth is bool and scores are finite."""
    if truth.ndim != 1 or truth.shape != scores.shape:
        raise InputError(f"truth has shape {truth.shape} and scores {scores.shape}; wanted (items,) for both")
    if truth.dtype != np.bool_:
        raise InputError(f"truth has type {truth.dtype}; wanted bool, True for a positive")
    if not np.isfinite(scores).all():
        raise InputError("scores contain NaN or infinity; wanted finite numbers")


def average_precision(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Average precision: mean of the precision at each positive, ranked by falling score; nan without positives.

    truth (N,) bool, scores (N,). Items of equal score form one step, so the value does not depend on the order of ties (the step-wise
    integral of the precision-recall curve, as scikit-learn's `average_precision_score`).
    """
    validate(truth, scores)
    return Ranking.of(truth, scores).average_precision(np.ones(len(truth), np.int64))


def roc_auc(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Area under the ROC curve: probability that a positive scores above a negative, ties counting half.

    truth (N,) bool, scores (N,). nan without positives or without negatives.
    """
    validate(truth, scores)
    return Ranking.of(truth, scores).roc_auc(np.ones(len(truth), np.int64))


def step_area(x: NDArray[np.float64], y: NDArray[np.float64], x_max: float) -> float:
    """Area from x[0] to `x_max` under the step function that is y[i] from x[i] to x[i + 1]. x (P,) increasing, y (P,)."""
    right = np.minimum(np.append(x[1:], np.inf), x_max)
    return float((y * np.maximum(right - x, 0.0)).sum())


@dataclasses.dataclass(frozen=True, eq=False)
class Ranking:
    """One label's items sorted by falling score, so that resamples, given as counts of items, need no sorting.

    order (N,): indices of items. truth (N,): of the sorted items, 0 or 1. last (N,): whether an item is the last of its score.
    """

    order: NDArray[np.intp]
    truth: NDArray[np.int64]
    last: NDArray[np.bool_]

    @staticmethod
    def of(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> Ranking:
        """Sort items. truth (N,) bool, scores (N,) finite."""
        order = np.argsort(-scores, kind="stable")
        return Ranking(order, truth[order].astype(np.int64), np.append(np.diff(scores[order]) != 0, True)[: len(order)])

    def average_precision(self, times: NDArray[np.int64]) -> float:
        """Average precision where item i occurs times[i] times; nan without positives. times (N,)."""
        hits, ranks = self._steps(times)
        if not hits.size or not hits[-1]:
            return float("nan")
        return float((np.diff(hits, prepend=0) * hits / np.maximum(ranks, 1)).sum() / hits[-1])

    def roc_auc(self, times: NDArray[np.int64]) -> float:
        """Area under the ROC curve where item i occurs times[i] times; nan without positives or without negatives. times (N,)."""
        hits, ranks = self._steps(times)
        if not hits.size or not hits[-1] or hits[-1] == ranks[-1]:
            return float("nan")
        missed = ranks - hits
        return float(np.trapezoid(np.append(0, hits), np.append(0, missed)) / (hits[-1] * missed[-1]))

    def _steps(self, times: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of positives and of items at or above each distinct score, from the highest down."""
        drawn = times[self.order]
        return np.cumsum(drawn * self.truth)[self.last], np.cumsum(drawn)[self.last]
