"""Intervals: how far would a figure move with other clips of the same kind?

Convention: one entry per independent item (a clip; better its source recording, when several clips are cut from one). Seeds are
given, so an interval is repeatable.

Methods: `interval` (percentile bootstrap of a mean), `interval_of` (of any statistic of item indices, such as pooled F1 or
mAP), `wilson` (a share of n trials; Wilson 1927). Percentiles: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError


def interval(values: NDArray[np.floating], *, seed: int = 0, draws: int = 2000, level: float = 0.95) -> tuple[float, float]:
    """Low and high end of the mean of values (N,), nan entries left out."""
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    if not len(kept):
        raise InputError("there are no values; wanted at least one that is not nan")
    return interval_of(lambda items: float(kept[items].mean()), len(kept), seed=seed, draws=draws, level=level)


def interval_of(
    statistic: Callable[[NDArray[np.intp]], float],
    items: int,
    *,
    groups: NDArray[np.integer] | None = None,
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Low and high end of a statistic of item indices (resampled with replacement).

    statistic: indices (M,) of items -> number; nan draws are left out. groups (items,): whole groups are drawn, for items that
    are not independent.
    """
    if items < 1 or draws < 1:
        raise InputError(f"{items} items and {draws} draws; wanted at least one of each")
    rng = np.random.default_rng(seed)
    members = [] if groups is None else [np.flatnonzero(groups == group) for group in np.unique(groups)]
    values = np.empty(draws)
    for draw in range(draws):
        if groups is None:
            chosen = rng.integers(items, size=items)
        else:
            chosen = np.concatenate([members[group] for group in rng.integers(len(members), size=len(members))])
        values[draw] = statistic(chosen)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Low and high end of a share hits / trials; honest near 0 and 1, where the bootstrap collapses."""
    if not 0 <= hits <= trials or trials < 1:
        raise InputError(f"{hits} hits in {trials} trials; wanted 0 <= hits <= trials and at least one trial")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, shrink = hits / trials, 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / shrink
    half = z / shrink * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    return max(middle - half, 0.0), min(middle + half, 1.0)
