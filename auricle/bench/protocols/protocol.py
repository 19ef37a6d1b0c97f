"""Common types of the protocols: inputs, rows and metrics.

Rows are what an evaluation saves (a line of JSON each): scores, their intervals and the comparison of two runs need only rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from auricle.bench.embeddings import ClipEmbeddings
from auricle.bench.suite import Suite
from auricle.data.item import Item
from auricle.listen.listener import Listener

#: One scored item: `id`, `group` (kept whole when resampling), and the fields of its protocol.
Row: TypeAlias = dict[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationInput:
    """A suite, the model to evaluate, and the clips with their embeddings. seed: of splits and episodes."""

    suite: Suite
    listener: Listener
    items: Sequence[Item]
    embeddings: Sequence[ClipEmbeddings]
    seed: int


@dataclasses.dataclass(frozen=True, eq=False)
class Metric:
    """A metric of rows. rows (M,): indices of the rows that it applies to. statistic: function of row indices, repeats allowed.

    values (M,): values of which the metric is the mean, which makes intervals cheap to compute; None for other metrics.
    """

    rows: NDArray[np.intp]
    statistic: Callable[[NDArray[np.intp]], float]
    values: NDArray[np.float64] | None = None
    lower_is_better: bool = False


class Protocol(NamedTuple):
    """A protocol. run: inputs to rows. metrics: rows to metrics by name."""

    run: Callable[[EvaluationInput], list[Row]]
    metrics: Callable[[Sequence[Row]], dict[str, Metric]]


def mean(rows: Sequence[Row], field: str) -> Metric:
    """Mean of a field over the rows that have it."""
    valid = np.array([index for index, row in enumerate(rows) if row.get(field) is not None], dtype=np.intp)
    values = np.array([np.nan if row.get(field) is None else float(row[field]) for row in rows])
    return Metric(valid, lambda sample: float(values[sample].mean()), values[valid])


def macro(rows: Sequence[Row]) -> Metric:
    """Macro accuracy: mean over classes (`truth`) of the share of correct rows (`right`)."""
    right = np.array([float(row["right"]) for row in rows])
    classes, truth = np.unique([row["truth"] for row in rows], return_inverse=True)

    def statistic(sample: NDArray[np.intp]) -> float:
        count = np.bincount(truth[sample], minlength=len(classes))
        total = np.bincount(truth[sample], weights=right[sample], minlength=len(classes))
        return float((total[count > 0] / count[count > 0]).mean())

    return Metric(np.arange(len(rows)), statistic)
