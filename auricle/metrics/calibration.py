"""Calibration of predicted probabilities: reliability diagram, expected calibration error, Brier score and log loss.

Convention: probabilities (N,) 0 to 1 and truth (N,) bool, one entry per (clip, label) decision. All are errors: 0 is best.

`reliability`: table by bins. `expected_error`: ECE, the mean absolute difference between predicted and observed frequency over bins,
weighted by count (Naeini, Cooper & Hauskrecht, AAAI 2015), in bins of equal width or, adaptive, of equal count (Nguyen & O'Connor, EMNLP
2015), which resolve the many small scores of rare labels. `brier`: mean squared error (Brier 1950); `brier_parts`: its decomposition
(Murphy 1973). `log_loss`: mean negative log-likelihood in nats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError

#: Number of bins of a reliability table.
BINS = 15
#: Probabilities are at least this far from 0 and 1 in a log loss, so that one certain mistake does not make it infinite.
CLIPPED = 1e-7


@dataclass(frozen=True, eq=False)
class Reliability:
    """Reliability diagram, (B,) each: lower edge of a bin, decisions, mean predicted probability, share true (nan where empty)."""

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]

    def rows(self) -> list[dict[str, float]]:
        """The bins that are not empty, for JSON: `from` and `to` (edges), `count`, `predicted`, `observed`."""
        columns = zip(self.edges, [*self.edges[1:], 1.0], self.count, self.predicted, self.observed, strict=True)
        return [
            {"from": round(float(low), 6), "to": round(float(high), 6), "count": int(count)}
            | {"predicted": round(float(predicted), 6), "observed": round(float(observed), 6)}
            for low, high, count, predicted, observed in columns
            if count
        ]


@dataclass(frozen=True)
class BrierParts:
    """Brier score = reliability - resolution + uncertainty + within.

    reliability: squared calibration error of the bins. resolution: variance of the observed shares of the bins, more is better.
    uncertainty: variance of the truth. within: what binning leaves out, 0 where all predictions of a bin are equal (Stephenson, Coelho &
    Jolliffe 2008).
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float


def validate(probabilities: NDArray[np.floating], truth: NDArray[np.bool_]) -> None:
    """Raise InputError unless both are (N,) and not empty, probabilities are within 0 and 1, and truth is bool."""
    if probabilities.ndim != 1 or probabilities.shape != truth.shape or not len(truth):
        raise InputError(f"probabilities have shape {probabilities.shape} and truth {truth.shape}; wanted (decisions,) for both")
    if truth.dtype != np.bool_:
        raise InputError(f"truth has type {truth.dtype}; wanted bool, True where the label is in the clip")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise InputError("probabilities are outside 0 to 1 or NaN; wanted calibrated scores, not logits")


def bin_edges(probabilities: NDArray[np.floating], bins: int = BINS, *, adaptive: bool = False) -> NDArray[np.float64]:
    """Lower edges of bins (B,), the first 0: of equal width, or, adaptive, of nearly equal count; equal probabilities share a bin."""
    if bins < 1:
        raise InputError(f"bins is {bins}; wanted 1 or more")
    if not adaptive:
        return np.arange(bins) / bins
    ordered = np.sort(probabilities)
    edges = ordered[np.arange(bins) * len(ordered) // bins].astype(np.float64)
    edges[0] = 0.0
    return np.unique(edges)


def bin_indices(probabilities: NDArray[np.floating], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each probability (N,); an edge belongs to the bin above it."""
    return np.asarray(np.searchsorted(edges, probabilities.astype(np.float64), side="right") - 1, np.int64)


def reliability(probabilities: NDArray[np.floating], truth: NDArray[np.bool_], bins: int = BINS, *, adaptive: bool = False) -> Reliability:
    """Reliability over bins, see `bin_edges`; 1.0 belongs to the last. InputError as `validate`."""
    validate(probabilities, truth)
    edges = bin_edges(probabilities, bins, adaptive=adaptive)
    index = bin_indices(probabilities, edges)
    count = np.bincount(index, minlength=len(edges))
    divisor = np.where(count == 0, np.nan, count)
    predicted = np.bincount(index, weights=probabilities, minlength=len(edges)) / divisor
    observed = np.bincount(index, weights=truth, minlength=len(edges)) / divisor
    return Reliability(edges, count, predicted, observed)


def expected_error(probabilities: NDArray[np.floating], truth: NDArray[np.bool_], bins: int = BINS, *, adaptive: bool = False) -> float:
    """Expected calibration error (ECE) over bins, see `bin_edges`, 0 to 1. InputError as `validate`."""
    table = reliability(probabilities, truth, bins, adaptive=adaptive)
    return float(np.nansum(table.count * np.abs(table.predicted - table.observed)) / table.count.sum())


def brier(probabilities: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Brier score, 0 to 1: mean squared difference of probability and truth. InputError as `validate`."""
    validate(probabilities, truth)
    return float(np.square(probabilities.astype(np.float64) - truth).mean())


def brier_parts(probabilities: NDArray[np.floating], truth: NDArray[np.bool_], bins: int = BINS, *, adaptive: bool = False) -> BrierParts:
    """Decomposition of the Brier score over bins, see `bin_edges`. InputError as `validate`."""
    table = reliability(probabilities, truth, bins, adaptive=adaptive)
    share, base = table.count / table.count.sum(), float(truth.mean())
    fit, resolution = (
        float(np.nansum(share * np.square(table.observed - other))) for other in (table.predicted, np.full(len(share), base))
    )
    uncertainty = base * (1 - base)
    return BrierParts(fit, resolution, uncertainty, brier(probabilities, truth) - (fit - resolution + uncertainty))


def log_loss(probabilities: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Mean negative log-likelihood in nats, of probabilities clipped to CLIPPED from 0 and 1. InputError as `validate`."""
    validate(probabilities, truth)
    return float(negative_log_likelihoods(probabilities, truth).mean())


def negative_log_likelihoods(probabilities: NDArray[np.floating], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Negative log-likelihood of each decision in nats, clipped as `log_loss`; arrays of any one shape."""
    likelihood = np.where(truth, probabilities, 1 - probabilities.astype(np.float64))
    return np.asarray(-np.log(np.clip(likelihood, CLIPPED, 1.0)))
