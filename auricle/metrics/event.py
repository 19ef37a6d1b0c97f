"""Single-label classification: one of K classes per clip.

Convention: truth (N,) int class indices 0 to K - 1, scores (N, K) float, higher is more likely. The prediction is the class with the
highest score; a tie with the true class counts as wrong, so a constant score is not rewarded.

Metrics: `correct` by clip, and its mean, `accuracy`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError


def validate(truth: NDArray[np.integer], scores: NDArray[np.floating]) -> None:
    """Raise InputError unless truth is (N,) integers in 0..K-1 and scores (N, K) are finite, with at least one clip."""
    if truth.ndim != 1 or scores.ndim != 2 or len(truth) != len(scores) or not len(truth):
        raise InputError(f"truth has shape {truth.shape} and scores {scores.shape}; wanted (clips,) and (clips, classes)")
    if not np.issubdtype(truth.dtype, np.integer):
        raise InputError(f"truth has type {truth.dtype}; wanted integers, the class index of each clip")
    if truth.min() < 0 or truth.max() >= scores.shape[1]:
        raise InputError(f"truth runs from {truth.min()} to {truth.max()}; wanted 0 to {scores.shape[1] - 1}")
    if not np.isfinite(scores).all():
        raise InputError("scores contain NaN or infinity; wanted finite numbers")


def correct(truth: NDArray[np.integer], scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether the true class scores higher than every other class, bool (N,)."""
    validate(truth, scores)
    rows = np.arange(len(truth))
    others = scores.astype(np.float64)
    others[rows, truth] = -np.inf
    return np.asarray(scores[rows, truth] > others.max(1))


def accuracy(truth: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """Share of clips that are classified correctly, 0 to 1."""
    return float(correct(truth, scores).mean())
