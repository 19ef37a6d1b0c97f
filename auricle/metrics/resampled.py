"""Metrics of rows that can be computed again for any resample of the rows, for intervals and tests.

Convention: a row is one scored item, plain values by name; a metric is a function of row indices, in which repeats are allowed.

`mean` and `median` of a field; `macro`, the mean over classes of the share of correct rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: One scored item: `id`, `group` (kept whole when resampling), and the fields of its task.
Row: TypeAlias = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Metric:
    """A metric of rows. rows (M,): indices of the rows that it applies to. statistic: function of row indices, repeats allowed.

    values (M,): values of which the metric is the mean, which makes intervals cheap to compute; None for other metrics.
    """

    rows: NDArray[np.intp]
    statistic: Callable[[NDArray[np.intp]], float]
    values: NDArray[np.float64] | None = None
    lower_is_better: bool = False


def mean(rows: Sequence[Row], field: str) -> Metric:
    """Mean of a field over the rows that have it."""
    valid, values = _column(rows, field)
    return Metric(valid, lambda sample: float(values[sample].mean()), values[valid])


def median(rows: Sequence[Row], field: str, *, lower_is_better: bool = False) -> Metric:
    """Median of a field over the rows that have it."""
    valid, values = _column(rows, field)
    return Metric(valid, lambda sample: float(np.median(values[sample])), lower_is_better=lower_is_better)


def macro(rows: Sequence[Row]) -> Metric:
    """Macro accuracy: mean over classes (`truth`) of the share of correct rows (`right`)."""
    right = np.array([float(row["right"]) for row in rows])
    classes, truth = np.unique([row["truth"] for row in rows], return_inverse=True)

    def statistic(sample: NDArray[np.intp]) -> float:
        count = np.bincount(truth[sample], minlength=len(classes))
        total = np.bincount(truth[sample], weights=right[sample], minlength=len(classes))
        return float((total[count > 0] / count[count > 0]).mean())

    return Metric(np.arange(len(rows)), statistic)


def _column(rows: Sequence[Row], field: str) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Indices of the rows that have a field, and the field of every row, nan where it has none."""
    values = np.array([np.nan if row.get(field) is None else float(row[field]) for row in rows])
    return np.flatnonzero(~np.isnan(values)), values
