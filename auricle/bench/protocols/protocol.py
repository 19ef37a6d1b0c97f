"""What protocols share: a Trial in, a row of plain numbers for each thing that was judged out, and metrics that need the rows alone.

Rows are what is kept of a run (a line of JSON each): scores, their intervals, and the comparison of two runs are all made of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from auricle.bench.embeddings import Vectors
from auricle.bench.suite import Suite
from auricle.data.item import Item
from auricle.listen.listener import Listener

#: One thing that was judged: `id`, `group` (what it may not be drawn apart from), and what the protocol says of it.
Row: TypeAlias = dict[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """A suite, who is tried, and the clips with what was heard of each."""

    suite: Suite
    listener: Listener
    items: Sequence[Item]
    heard: Sequence[Vectors]
    seed: int


@dataclasses.dataclass(frozen=True, eq=False)
class Metric:
    """A number of rows. places (M,): the rows that it is about. statistic: places of rows, repeats allowed, to the number.

    values (M,): where the number is their mean, which makes intervals cheap; None otherwise. smaller: less of it is better.
    """

    places: NDArray[np.intp]
    statistic: Callable[[NDArray[np.intp]], float]
    values: NDArray[np.float64] | None = None
    smaller: bool = False


class Protocol(NamedTuple):
    """run: a trial to rows. metrics: rows to metrics by name."""

    run: Callable[[Trial], list[Row]]
    metrics: Callable[[Sequence[Row]], dict[str, Metric]]


def mean(rows: Sequence[Row], field: str) -> Metric:
    """The mean of a field over the rows that have it."""
    places = np.array([place for place, row in enumerate(rows) if row.get(field) is not None], dtype=np.intp)
    full = np.array([np.nan if row.get(field) is None else float(row[field]) for row in rows])
    return Metric(places, lambda chosen: float(full[chosen].mean()), full[places])


def macro(rows: Sequence[Row]) -> Metric:
    """The mean over classes (`truth`) of the share that is right, so that each class counts the same."""
    right = np.array([float(row["right"]) for row in rows])
    classes, truth = np.unique([row["truth"] for row in rows], return_inverse=True)

    def statistic(chosen: NDArray[np.intp]) -> float:
        count = np.bincount(truth[chosen], minlength=len(classes))
        total = np.bincount(truth[chosen], weights=right[chosen], minlength=len(classes))
        return float((total[count > 0] / count[count > 0]).mean())

    return Metric(np.arange(len(rows)), statistic)
