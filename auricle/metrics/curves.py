"""Curves over a threshold and the areas under them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError


def validate(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> None:
    """Raises InputError unless both are (N,), the truth bool and the scores finite."""
    if truth.ndim != 1 or truth.shape != scores.shape:
        raise InputError(f"truth has shape {truth.shape} and scores {scores.shape}; wanted (items,) for both")
    if truth.dtype != np.bool_:
        raise InputError(f"truth has type {truth.dtype}; wanted bool, True for a positive")
    if not np.isfinite(scores).all():
        raise InputError("scores hold NaN or infinity; wanted finite numbers")


def average_precision(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Mean of the precision at each positive, ranked by falling score; nan without positives.

    truth (N,) bool, scores (N,). Items of one score form one step: the value does not depend on the order that ties come in
    (the step-wise integral of the precision-recall curve, as in scikit-learn's `average_precision_score`).
    """
    validate(truth, scores)
    positives = int(truth.sum())
    if positives == 0:
        return float("nan")
    hits, ranks = _steps(truth, scores)
    gained = np.diff(hits, prepend=0)
    return float((gained * hits / ranks).sum() / positives)


def roc_area(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Chance that a positive scores over a negative, ties counting half; nan without positives or negatives.

    truth, scores (N,).
    """
    validate(truth, scores)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if positives == 0 or negatives == 0:
        return float("nan")
    hits, ranks = _steps(truth, scores)
    missed = ranks - hits
    return float(np.trapezoid(np.append(0, hits), np.append(0, missed)) / (positives * negatives))


def staircase_area(x: NDArray[np.float64], y: NDArray[np.float64], most: float) -> float:
    """Area from x[0] to `most` under the staircase that takes y[i] from x[i] to x[i + 1]. x (P,) increasing."""
    right = np.minimum(np.append(x[1:], np.inf), most)
    return float((y * np.maximum(right - x, 0.0)).sum())


def _steps(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positives (P,) and items (P,) at or above each distinct score, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.diff(ranked) != 0, True)
    hits = np.cumsum(truth[order])[last].astype(np.float64)
    return hits, (np.flatnonzero(last) + 1).astype(np.float64)
