"""Calibration of predicted probabilities: reliability diagram and expected calibration error.

Convention: probabilities (N,) 0 to 1 and truth (N,) bool, one entry per (clip, label) decision.

`reliability`: table by bins of equal width. `expected_error`: ECE, the mean absolute difference between predicted and observed frequency
over bins, weighted by count (Naeini, Cooper & Hauskrecht, AAAI 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError


@dataclass(frozen=True, eq=False)
class Reliability:
    """Reliability diagram, (B,) each: lower edge of a bin, decisions, mean predicted probability, share true (nan where empty)."""

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]


def validate(probabilities: NDArray[np.floating], truth: NDArray[np.bool_]) -> None:
    """Raise InputError unless both are (N,) and not empty, probabilities are within 0 and 1, and truth is bool."""
    if probabilities.ndim != 1 or probabilities.shape != truth.shape or not len(truth):
        raise InputError(f"probabilities have shape {probabilities.shape} and truth {truth.shape}; wanted (decisions,) for both")
    if truth.dtype != np.bool_:
        raise InputError(f"truth has type {truth.dtype}; wanted bool, True where the label is in the clip")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise InputError("probabilities are outside 0 to 1 or NaN; wanted calibrated scores, not logits")


def reliability(probabilities: NDArray[np.floating], truth: NDArray[np.bool_], bins: int = 15) -> Reliability:
    """Reliability over `bins` bins of equal width; 1.0 belongs to the last. InputError as `validate`."""
    validate(probabilities, truth)
    if bins < 1:
        raise InputError(f"bins is {bins}; wanted 1 or more")
    index = np.minimum((probabilities.astype(np.float64) * bins).astype(np.int64), bins - 1)
    count = np.bincount(index, minlength=bins)
    divisor = np.where(count == 0, np.nan, count)
    predicted = np.bincount(index, weights=probabilities, minlength=bins) / divisor
    observed = np.bincount(index, weights=truth, minlength=bins) / divisor
    return Reliability(np.arange(bins) / bins, count, predicted, observed)


def expected_error(probabilities: NDArray[np.floating], truth: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error (ECE) over `bins` bins of equal width, 0 to 1, 0 is best. InputError as `validate`."""
    table = reliability(probabilities, truth, bins)
    return float(np.nansum(table.count * np.abs(table.predicted - table.observed)) / table.count.sum())
