"""Calibration: when a score says 0.7, is it right seven times in ten?

Convention: probabilities (N,) 0 to 1 and truth (N,) bool, one entry per (clip, label) decision.

Metrics: `reliability` (a table by bins of equal width), `expected_error` (ECE: the mean gap between stated and observed,
weighted by count; Naeini, Cooper & Hauskrecht, AAAI 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError


@dataclass(frozen=True, eq=False)
class Reliability:
    """One row a bin, (B,) each: lower edge, number of decisions, mean stated probability, share true (nan where none)."""

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    stated: NDArray[np.float64]
    observed: NDArray[np.float64]


def validate(probabilities: NDArray[np.floating], truth: NDArray[np.bool_]) -> None:
    """Raises InputError unless both are (N,), at least one, probabilities within 0 and 1, the truth bool."""
    if probabilities.ndim != 1 or probabilities.shape != truth.shape or not len(truth):
        raise InputError(f"probabilities have shape {probabilities.shape} and truth {truth.shape}; wanted (decisions,) for both")
    if truth.dtype != np.bool_:
        raise InputError(f"truth has type {truth.dtype}; wanted bool, True where the label is in the clip")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise InputError("probabilities leave 0 to 1 or hold NaN; wanted calibrated scores, not logits")


def reliability(probabilities: NDArray[np.floating], truth: NDArray[np.bool_], bins: int = 15) -> Reliability:
    """The table over `bins` bins of equal width; 1.0 belongs to the last."""
    validate(probabilities, truth)
    if bins < 1:
        raise InputError(f"bins is {bins}; wanted 1 or more")
    place = np.minimum((probabilities.astype(np.float64) * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    some = np.maximum(count, 1)
    stated = np.bincount(place, weights=probabilities, minlength=bins) / some
    observed = np.bincount(place, weights=truth, minlength=bins) / some
    empty = count == 0
    return Reliability(np.arange(bins) / bins, count, np.where(empty, np.nan, stated), np.where(empty, np.nan, observed))


def expected_error(probabilities: NDArray[np.floating], truth: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error, 0 is best."""
    table = reliability(probabilities, truth, bins)
    return float(np.nansum(table.count * np.abs(table.stated - table.observed)) / table.count.sum())
