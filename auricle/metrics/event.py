"""Event: which one sound is it, one of K?

Convention: truth (N,) int class numbers 0 to K - 1, scores (N, K) float, higher is surer. The answer is the class of the
highest score; classes that tie with the truth count against it, so a constant score is not rewarded. folds (N,) int where clips
are cross-validated.

Metrics: `correct` by clip, `accuracy`, `accuracy_by_fold`, `class_accuracies` and their mean (macro accuracy).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError


def validate(truth: NDArray[np.integer], scores: NDArray[np.floating]) -> None:
    """Raises InputError unless truth is (N,) whole numbers in 0..K-1 and scores (N, K) finite, with at least one clip."""
    if truth.ndim != 1 or scores.ndim != 2 or len(truth) != len(scores) or not len(truth):
        raise InputError(f"truth has shape {truth.shape} and scores {scores.shape}; wanted (clips,) and (clips, classes)")
    if not np.issubdtype(truth.dtype, np.integer):
        raise InputError(f"truth has type {truth.dtype}; wanted whole numbers, the class of each clip")
    if truth.min() < 0 or truth.max() >= scores.shape[1]:
        raise InputError(f"truth runs from {truth.min()} to {truth.max()}; wanted 0 to {scores.shape[1] - 1}")
    if not np.isfinite(scores).all():
        raise InputError("scores hold NaN or infinity; wanted finite numbers")


def correct(truth: NDArray[np.integer], scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(N,) True where the true class scores higher than every other one."""
    validate(truth, scores)
    rows = np.arange(len(truth))
    others = scores.astype(np.float64)
    others[rows, truth] = -np.inf
    right: NDArray[np.bool_] = scores[rows, truth] > others.max(1)
    return right


def accuracy(truth: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """Share of clips whose class is right, 0 to 1."""
    return float(correct(truth, scores).mean())


def accuracy_by_fold(truth: NDArray[np.integer], scores: NDArray[np.floating], folds: NDArray[np.integer]) -> dict[int, float]:
    """Accuracy of each fold's clips."""
    right = correct(truth, scores)
    if folds.shape != truth.shape or not np.issubdtype(folds.dtype, np.integer):
        raise InputError(f"folds are {folds.dtype} of shape {folds.shape}; wanted whole numbers of shape {truth.shape}, one a clip")
    return {int(fold): float(right[folds == fold].mean()) for fold in np.unique(folds)}


def class_accuracies(truth: NDArray[np.integer], scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Accuracy (K,) over the clips of each class; nan for a class without clips."""
    right = correct(truth, scores)
    total = np.bincount(truth, minlength=scores.shape[1])
    return np.where(total > 0, np.bincount(truth, weights=right, minlength=scores.shape[1]) / np.maximum(total, 1), np.nan)


def evaluate(truth: NDArray[np.integer], scores: NDArray[np.floating], folds: NDArray[np.integer] | None = None) -> dict[str, float]:
    """Accuracy, macro accuracy and, with folds, `accuracy_fold_k` for each."""
    result = {"accuracy": accuracy(truth, scores), "macro_accuracy": float(np.nanmean(class_accuracies(truth, scores)))}
    if folds is not None:
        result |= {f"accuracy_fold_{fold}": value for fold, value in accuracy_by_fold(truth, scores, folds).items()}
    return result
