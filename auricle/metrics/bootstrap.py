"""Confidence intervals of metrics: percentile bootstrap and Wilson's interval.

Convention: one entry per independent item (a clip, or its source recording where several clips are cut from one). Seeds are fixed, so
intervals are reproducible.

`interval`: percentile bootstrap of a mean (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). `interval_of`: of
any statistic of item indices, such as pooled F1 or mAP. `wilson`: of a proportion of n trials (Wilson 1927).
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError


def interval(values: NDArray[np.floating], *, seed: int = 0, draws: int = 2000, level: float = 0.95) -> tuple[float, float]:
    """Interval (low, high) of the mean of values (N,); nan entries are left out. InputError where none is left."""
    valid = np.asarray(values, dtype=np.float64)
    valid = valid[~np.isnan(valid)]
    if not len(valid):
        raise InputError("there are no values; wanted at least one that is not nan")
    return interval_of(lambda items: float(valid[items].mean()), len(valid), seed=seed, draws=draws, level=level)


def interval_of(
    statistic: Callable[[NDArray[np.intp]], float],
    items: int,
    *,
    groups: NDArray[np.integer] | None = None,
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval (low, high) of a statistic of items resampled with replacement.

    statistic: function of item indices (M,); draws where it is nan are left out. groups: (items,) group of each item; whole groups are
    resampled, for items that are not independent. draws: number of resamples.
    """
    if items < 1 or draws < 1:
        raise InputError(f"{items} items and {draws} draws; wanted at least one of each")
    rng = np.random.default_rng(seed)
    members = [] if groups is None else [np.flatnonzero(groups == group) for group in np.unique(groups)]
    values = np.empty(draws)
    for draw in range(draws):
        if groups is None:
            sample = rng.integers(items, size=items)
        else:
            sample = np.concatenate([members[group] for group in rng.integers(len(members), size=len(members))])
        values[draw] = statistic(sample)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Interval (low, high) of a proportion hits / trials; valid near 0 and 1 too, where the bootstrap interval collapses."""
    if not 0 <= hits <= trials or trials < 1:
        raise InputError(f"{hits} hits in {trials} trials; wanted 0 <= hits <= trials and at least one trial")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, scale = hits / trials, 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    return max(centre - half, 0.0), min(centre + half, 1.0)
