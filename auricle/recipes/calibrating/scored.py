"""Metrics of scored decisions before and after calibration, with intervals from a bootstrap over sources.

Every metric is a function of sums over decisions, so that a resample of sources costs one product of matrices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from auricle.metrics import calibration

#: Number of resamples of an interval.
DRAWS = 1000
#: One value or one per resample, by metric.
Values: TypeAlias = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """M decisions with their scores: probabilities (M,), truth bool (M,), and the clip of each, int (M,).

    losses, squares (M,): negative log-likelihood in nats and squared error of each. present bool, label int (M,): decisions at the
    thresholds, and their labels; None for exclusive labels, where a decision is the best label of a clip, true if it is right.
    """

    probabilities: np.ndarray
    truth: np.ndarray
    clip: np.ndarray
    losses: np.ndarray
    squares: np.ndarray
    present: np.ndarray | None = None
    label: np.ndarray | None = None

    @staticmethod
    def of_labels(scores: np.ndarray, truth: np.ndarray, known: np.ndarray, *, clip: np.ndarray, thresholds: np.ndarray) -> Scored:
        """Decisions on labels that may occur together: scores, truth, known, thresholds (N, K), clip (N,); unknown ones are left out."""
        probabilities, true = np.asarray(scores[known], np.float64), truth[known]
        return Scored(
            probabilities,
            true,
            np.broadcast_to(clip[:, None], known.shape)[known],
            calibration.negative_log_likelihoods(probabilities, true),
            np.square(probabilities - true),
            (scores >= thresholds)[known],
            np.broadcast_to(np.arange(known.shape[1]), known.shape)[known],
        )

    @staticmethod
    def of_best(scores: np.ndarray, truth: np.ndarray, clip: np.ndarray) -> Scored:
        """Decisions on exclusive labels: scores (N, K), truth int (N,), clip (N,). Log loss and Brier score are those of all K scores."""
        scores = np.asarray(scores, np.float64)
        own = scores[np.arange(len(scores)), truth]
        squares = np.square(scores).sum(axis=1) - 2 * own + 1
        losses = -np.log(np.clip(own, calibration.CLIPPED, 1.0))
        return Scored(np.clip(scores.max(axis=1), 0.0, 1.0), scores.argmax(axis=1) == truth, clip, losses, squares)

    def of_clips(self, clips: np.ndarray) -> Scored:
        """The decisions of some clips. clips: bool, by clip."""
        kept = clips[self.clip]
        present, label = (None if values is None else values[kept] for values in (self.present, self.label))
        return Scored(self.probabilities[kept], self.truth[kept], self.clip[kept], self.losses[kept], self.squares[kept], present, label)

    def reliability(self) -> list[dict[str, float]]:
        """The bins of equal width that are not empty (metrics.calibration.Reliability.rows)."""
        return calibration.reliability(self.probabilities, self.truth).rows()

    def sums(self, source: np.ndarray) -> Sums:
        """Sums over the decisions of each source. source: int, by clip."""
        return Sums(self, source)


class Sums:
    """Sums over the decisions of each of S sources, from which the metrics of any resample of sources follow."""

    def __init__(self, scored: Scored, source: np.ndarray) -> None:
        self.sources, row = np.unique(source[scored.clip], return_inverse=True)

        def add(columns: np.ndarray, count: int, weights: np.ndarray | None = None) -> np.ndarray:
            """Sums (S, count) of weights (M,) by source and column (M,)."""
            cells = np.bincount(row * count + columns, weights, len(self.sources) * count)
            return np.asarray(cells.reshape(-1, count), dtype=np.float64)

        nothing = np.zeros(len(row), np.int64)
        self._means = np.stack([add(nothing, 1, values)[:, 0] for values in (np.ones(len(row)), scored.losses, scored.squares)], axis=1)
        self._bins = []
        for adaptive in (False, True):
            edges = calibration.bin_edges(scored.probabilities, adaptive=adaptive)
            index = calibration.bin_indices(scored.probabilities, edges)
            self._bins.append(add(index, len(edges), scored.probabilities - scored.truth))
        self._counts: list[np.ndarray] | None = None
        if scored.present is not None and scored.label is not None:
            count = int(scored.label.max()) + 1
            hits = scored.present & scored.truth
            self._counts = [add(scored.label, count, values.astype(np.float64)) for values in (hits, scored.present, scored.truth)]
        self._right = None if self._counts is not None else add(nothing, 1, scored.truth.astype(np.float64))[:, 0]

    def metrics(self, times: np.ndarray | None = None) -> Values:
        """Metrics by name, (R,) each. times (R, S): how often each source counts in R resamples; by default once in one."""
        times = np.ones((1, len(self.sources))) if times is None else times
        total, loss, square = (times @ self._means).T
        values = {
            name: np.abs(times @ gaps).sum(axis=1) / total for name, gaps in zip(("ece", "adaptive_ece"), self._bins, strict=True)
        } | {"nll": loss / total, "brier": square / total}
        if self._counts is None:
            assert self._right is not None
            return values | {"accuracy": times @ self._right / total}
        hits, predicted, positives = (times @ counts for counts in self._counts)
        sizes = predicted + positives
        with np.errstate(invalid="ignore"):
            by_label = 2 * hits / np.where(positives > 0, sizes, np.nan)
        macro = np.array([np.nanmean(row) if np.isfinite(row).any() else np.nan for row in by_label])
        return values | {"f1": 2 * hits.sum(axis=1) / np.maximum(sizes.sum(axis=1), 1), "macro_f1": macro}


def compare(before: Scored, after: Scored, source: np.ndarray, *, seed: int) -> list[dict[str, Any]]:
    """Metrics of the same decisions before and after: `before`, `after` and `change` with value, low and high (95 %) each.

    source: int, by clip. Whole sources are resampled, the same ones before and after.
    """
    sums = [scored.sums(source) for scored in (before, after)]
    count = len(sums[0].sources)
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(np.float64)
    (value_before, draws_before), (value_after, draws_after) = ((each.metrics(), each.metrics(times)) for each in sums)
    return [
        {
            "metric": name,
            "before": _interval(value_before[name], draws_before[name], low=0.0, high=np.inf if name == "nll" else 1.0),
            "after": _interval(value_after[name], draws_after[name], low=0.0, high=np.inf if name == "nll" else 1.0),
            "change": _interval(value_after[name] - value_before[name], draws_after[name] - draws_before[name]),
        }
        for name in value_before
    ]


def brier_parts(scored: Scored) -> Mapping[str, float]:
    """Decomposition of the Brier score of the decisions, over adaptive bins."""
    parts = calibration.brier_parts(scored.probabilities, scored.truth, adaptive=True)
    return {name: round(value, 6) for name, value in vars(parts).items()}


def _interval(value: np.ndarray, draws: np.ndarray, *, low: float = -np.inf, high: float = np.inf) -> dict[str, float | None]:
    """Value (1,) with its percentile interval, shifted by the bias of the resamples (R,): a calibration error grows in each of them.

    low, high: range of the metric.
    """
    kept = draws[np.isfinite(draws)]
    ends = np.quantile(kept, [0.025, 0.975]) - (kept.mean() - value[0]) if len(kept) else np.full(2, np.nan)
    numbers = dict(zip(("value", "low", "high"), (value[0], *np.clip(ends, low, high)), strict=True))
    return {name: round(float(number), 6) if np.isfinite(number) else None for name, number in numbers.items()}
