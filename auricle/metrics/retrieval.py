"""Retrieval: which of the archive's items answer the query?

Convention: scores (Q, I) float, higher is nearer, for Q queries and I items; relevant (Q, I) bool. Items that tie with a
relevant one are ranked before it, so that equal scores are not rewarded. A query without a relevant item has no value (nan) and
is left out of means.

Metrics: `recall_at` (share of queries with a relevant item among the first k: the R@k of cross-modal retrieval, where a query
has one), `average_precisions_at` and their mean (mAP@k: the sum of precisions at relevant ranks up to k over min(k, relevant
items)).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError


def validate(relevant: NDArray[np.bool_], scores: NDArray[np.floating]) -> None:
    """Raises InputError unless both are (Q, I), relevance bool and scores finite."""
    if relevant.ndim != 2 or relevant.shape != scores.shape:
        raise InputError(f"relevant has shape {relevant.shape} and scores {scores.shape}; wanted (queries, items) for both")
    if relevant.dtype != np.bool_:
        raise InputError(f"relevant has type {relevant.dtype}; wanted bool")
    if not np.isfinite(scores).all():
        raise InputError("scores hold NaN or infinity; wanted finite numbers")


def ranked(relevant: NDArray[np.bool_], scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Relevance (Q, I) of each query's items from the nearest to the farthest; ties put relevant items last."""
    validate(relevant, scores)
    order = np.lexsort((relevant, -scores), axis=1)
    return np.take_along_axis(relevant, order, axis=1)


def recall_at(relevant: NDArray[np.bool_], scores: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """(Q,) 1.0 where a relevant item is among the first k, else 0.0."""
    _validate_ranks(k)
    found = ranked(relevant, scores)[:, :k].any(1).astype(np.float64)
    return np.where(relevant.any(1), found, np.nan)


def average_precisions_at(relevant: NDArray[np.bool_], scores: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """Average precision (Q,) over the first k ranks."""
    _validate_ranks(k)
    hits = ranked(relevant, scores)[:, :k]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    total = np.minimum(relevant.sum(1), k)
    return np.where(total > 0, (precision * hits).sum(1) / np.maximum(total, 1), np.nan)


def _validate_ranks(k: int) -> None:
    if k < 1:
        raise InputError(f"k is {k}; wanted 1 or more ranks")


def evaluate(relevant: NDArray[np.bool_], scores: NDArray[np.floating], ks: tuple[int, ...] = (1, 5, 10)) -> dict[str, float]:
    """Mean R@k for each k, and mAP@10."""
    result = {f"r{k}": float(np.nanmean(recall_at(relevant, scores, k))) for k in ks}
    return result | {"map10": float(np.nanmean(average_precisions_at(relevant, scores, 10)))}
