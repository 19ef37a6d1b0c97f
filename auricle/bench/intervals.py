"""Confidence intervals and paired tests of metrics, with whole groups resampled, so that clips of one recording stay together.

Percentile bootstrap over groups (auricle.metrics.bootstrap); of means, only the counts of each group are drawn, which gives the same kind
of interval in a fraction of the time. Two runs of the same rows are compared pair by pair: an interval of the difference from the
bootstrap, and a p-value from a permutation test that swaps the two runs in whole groups (Good, "Permutation Tests", 2000).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.metrics import bootstrap
from auricle.metrics.resampled import Metric

LEVEL = 0.95
_BLOCK = 100  # draws at once


@dataclasses.dataclass(frozen=True)
class Difference:
    """Difference of one metric between two runs (second less first), its interval, and the p-value of no difference."""

    value: float
    low: float
    high: float
    p: float


def interval(metric: Metric, groups: Sequence[str], *, seed: int, draws: int) -> tuple[float, float, float]:
    """Value, low and high end of a metric. groups: group of each row, of all rows."""
    rows = metric.rows
    group = np.unique([groups[row] for row in rows], return_inverse=True)[1]
    value = metric.statistic(rows)
    if metric.values is None:
        low, high = bootstrap.interval_of(
            lambda sample: metric.statistic(rows[sample]), len(rows), groups=group, seed=seed, draws=draws, level=LEVEL
        )
        return value, low, high
    return value, *_mean_interval(metric.values, group, seed, draws)


def difference(metric: Metric, groups: Sequence[str], *, seed: int, draws: int) -> Difference:
    """Difference of a metric over the rows of two runs, concatenated, both in the same order. groups: group of each row of one run."""
    half = len(groups)
    first = metric.rows[metric.rows < half]
    group = np.unique([groups[row] for row in first], return_inverse=True)[1]
    if metric.values is not None:
        return _mean_difference(metric.values[len(first) :] - metric.values[: len(first)], group, seed, draws)

    def statistic(sample: NDArray[np.intp]) -> float:
        return metric.statistic(first[sample] + half) - metric.statistic(first[sample])

    value = statistic(np.arange(len(first)))
    low, high = bootstrap.interval_of(statistic, len(first), groups=group, seed=seed, draws=draws, level=LEVEL)
    rng, extreme = np.random.default_rng([seed, 1]), 0
    for _ in range(draws):
        swapped = rng.integers(2, size=group.max() + 1).astype(bool)[group]
        one, other = np.where(swapped, first + half, first), np.where(swapped, first, first + half)
        extreme += abs(metric.statistic(other) - metric.statistic(one)) >= abs(value) - 1e-12
    return Difference(value, low, high, (1 + extreme) / (1 + draws))


def _mean_difference(values: NDArray[np.float64], group: NDArray[np.intp], seed: int, draws: int) -> Difference:
    total = np.bincount(group, weights=values)
    low, high = _mean_interval(values, group, seed, draws)
    rng, extreme = np.random.default_rng([seed, 1]), 0
    for start in range(0, draws, _BLOCK):
        signs = rng.integers(2, size=(min(_BLOCK, draws - start), len(total))) * 2 - 1
        extreme += int((np.abs(signs @ total) >= abs(total.sum()) - 1e-9).sum())
    return Difference(float(values.mean()), low, high, (1 + extreme) / (1 + draws))


def _mean_interval(values: NDArray[np.float64], group: NDArray[np.intp], seed: int, draws: int) -> tuple[float, float]:
    total, count = np.bincount(group, weights=values), np.bincount(group)
    means = np.concatenate([(times @ total) / (times @ count) for times in _draw_counts(len(total), seed, draws)])
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _draw_counts(groups: int, seed: int, draws: int) -> Iterator[NDArray[np.int64]]:
    """How often each group is drawn in each resample, in blocks of draws."""
    rng = np.random.default_rng(seed)
    for start in range(0, draws, _BLOCK):
        yield rng.multinomial(groups, np.full(groups, 1 / groups), size=min(_BLOCK, draws - start))
