"""Intervals and paired tests of metrics: whole groups are drawn, so that clips of one recording count as one piece of evidence.

Percentile bootstrap over groups (auricle.metrics.bootstrap); for means, draws are counted instead of made, which gives the same kind of
interval in a fraction of the time. Two runs of the same rows are compared pair by pair: an interval of the difference from the bootstrap,
and a p-value from a permutation test that swaps the two runs in whole groups (Good, "Permutation Tests", 2000).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.bench.protocols.protocol import Metric
from auricle.metrics import bootstrap

LEVEL = 0.95
_AT_ONCE = 100  # draws made together


@dataclasses.dataclass(frozen=True)
class Difference:
    """Of one metric between two runs: the second less the first, its interval, and p that nothing but chance is between them."""

    value: float
    low: float
    high: float
    p: float


def interval(metric: Metric, groups: Sequence[str], *, seed: int, draws: int) -> tuple[float, float, float]:
    """Value, low and high of a metric. groups: of all rows."""
    places = metric.places
    group = np.unique([groups[place] for place in places], return_inverse=True)[1]
    value = metric.statistic(places)
    if metric.values is None:
        low, high = bootstrap.interval_of(
            lambda chosen: metric.statistic(places[chosen]), len(places), groups=group, seed=seed, draws=draws, level=LEVEL
        )
        return value, low, high
    total, count = np.bincount(group, weights=metric.values), np.bincount(group)
    drawn = np.concatenate([(times @ total) / (times @ count) for times in _drawn(len(total), seed, draws)])
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return value, float(low), float(high)


def difference(metric: Metric, groups: Sequence[str], *, seed: int, draws: int) -> Difference:
    """Of a metric over the rows of two runs, one after the other, both in the same order. groups: of one run's rows."""
    half = len(groups)
    first = metric.places[metric.places < half]
    group = np.unique([groups[place] for place in first], return_inverse=True)[1]
    if metric.values is not None:
        return _of_means(metric.values[len(first) :] - metric.values[: len(first)], group, seed, draws)

    def apart(chosen: NDArray[np.intp]) -> float:
        return metric.statistic(first[chosen] + half) - metric.statistic(first[chosen])

    value = apart(np.arange(len(first)))
    low, high = bootstrap.interval_of(apart, len(first), groups=group, seed=seed, draws=draws, level=LEVEL)
    rng, more = np.random.default_rng([seed, 1]), 0
    for _ in range(draws):
        swapped = rng.integers(2, size=group.max() + 1).astype(bool)[group]
        one, other = np.where(swapped, first + half, first), np.where(swapped, first, first + half)
        more += abs(metric.statistic(other) - metric.statistic(one)) >= abs(value) - 1e-12
    return Difference(value, low, high, (1 + more) / (1 + draws))


def _of_means(apart: NDArray[np.float64], group: NDArray[np.intp], seed: int, draws: int) -> Difference:
    total, count = np.bincount(group, weights=apart), np.bincount(group)
    value = float(apart.mean())
    drawn = np.concatenate([(times @ total) / (times @ count) for times in _drawn(len(total), seed, draws)])
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    rng, more = np.random.default_rng([seed, 1]), 0
    for start in range(0, draws, _AT_ONCE):
        signs = rng.integers(2, size=(min(_AT_ONCE, draws - start), len(total))) * 2 - 1
        more += int((np.abs(signs @ total) >= abs(total.sum()) - 1e-9).sum())
    return Difference(value, float(low), float(high), (1 + more) / (1 + draws))


def _drawn(groups: int, seed: int, draws: int) -> Iterator[NDArray[np.int64]]:
    """How often each of the groups is drawn, some draws at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, draws, _AT_ONCE):
        yield rng.multinomial(groups, np.full(groups, 1 / groups), size=min(_AT_ONCE, draws - start))
