"""Event: which one sound is it, one of K?

Convention: truth (N,) int class numbers 0 to K - 1, scores (N, K) float, higher is surer. The answer is the class of the
highest score; classes that tie with the truth count against it, so a constant score is not rewarded.

Metrics: `correct` by clip, and its mean, `accuracy`.
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
