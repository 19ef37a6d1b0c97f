"""Areas under threshold curves: average precision, ROC AUC, step functions."""

from __future__ import annotations

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
    positives = int(truth.sum())
    if positives == 0:
        return float("nan")
    hits, ranks = _steps(truth, scores)
    return float((np.diff(hits, prepend=0) * hits / ranks).sum() / positives)


def roc_auc(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Area under the ROC curve: probability that a positive scores above a negative, ties counting half.

    truth (N,) bool, scores (N,). nan without positives or without negatives.
    """
    validate(truth, scores)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if positives == 0 or negatives == 0:
        return float("nan")
    hits, ranks = _steps(truth, scores)
    return float(np.trapezoid(np.append(0, hits), np.append(0, ranks - hits)) / (positives * negatives))


def step_area(x: NDArray[np.float64], y: NDArray[np.float64], x_max: float) -> float:
    """Area from x[0] to `x_max` under the step function that is y[i] from x[i] to x[i + 1]. x (P,) increasing, y (P,)."""
    right = np.minimum(np.append(x[1:], np.inf), x_max)
    return float((y * np.maximum(right - x, 0.0)).sum())


def _steps(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numbers of positives (P,) and of items (P,) at or above each distinct score, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.diff(ranked) != 0, True)
    hits = np.cumsum(truth[order])[last].astype(np.float64)
    return hits, (np.flatnonzero(last) + 1).astype(np.float64)
