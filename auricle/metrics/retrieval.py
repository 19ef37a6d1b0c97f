"""Retrieval: ranking of I items for each of Q queries.

Convention: scores (Q, I) float, higher is nearer; relevant (Q, I) bool. Items that tie with a relevant one are ranked before it, so that
equal scores are not rewarded. A query without a relevant item has no value (nan) and is left out of means.

`ranks` gives the ranks of the relevant items of many queries from vectors, in bounded memory; `scores_of_ranks` the metrics of one query.

Metrics: `recall_at` (R@k of cross-modal retrieval: whether a relevant item is among the first k), `average_precisions_at` and their mean
(mAP@k: the sum of precisions at relevant ranks up to k over min(k, relevant items)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError

_BLOCK = 256  # queries compared at once, which limits memory


def validate(relevant: NDArray[np.bool_], scores: NDArray[np.floating]) -> None:
    """Raise InputError unless both are (Q, I), relevant is bool and scores are finite."""
    if relevant.ndim != 2 or relevant.shape != scores.shape:
        raise InputError(f"relevant has shape {relevant.shape} and scores {scores.shape}; wanted (queries, items) for both")
    if relevant.dtype != np.bool_:
        raise InputError(f"relevant has type {relevant.dtype}; wanted bool")
    if not np.isfinite(scores).all():
        raise InputError("scores contain NaN or infinity; wanted finite numbers")


def sort_relevance(relevant: NDArray[np.bool_], scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Relevance (Q, I) of each query's items, sorted by falling score; of ties, relevant items come last."""
    validate(relevant, scores)
    order = np.lexsort((relevant, -scores), axis=1)
    return np.take_along_axis(relevant, order, axis=1)


def recall_at(relevant: NDArray[np.bool_], scores: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """R@k of each query (Q,): 1.0 where a relevant item is among the first k, else 0.0; nan without a relevant item."""
    _validate_ranks(k)
    hits = sort_relevance(relevant, scores)[:, :k].any(1).astype(np.float64)
    return np.where(relevant.any(1), hits, np.nan)


def average_precisions_at(relevant: NDArray[np.bool_], scores: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """Average precision of each query (Q,) over the first k ranks; nan without a relevant item."""
    _validate_ranks(k)
    hits = sort_relevance(relevant, scores)[:, :k]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    total = np.minimum(relevant.sum(1), k)
    return np.where(total > 0, (precision * hits).sum(1) / np.maximum(total, 1), np.nan)


def _validate_ranks(k: int) -> None:
    if k < 1:
        raise InputError(f"k is {k}; wanted 1 or more ranks")


def ranks(queries: np.ndarray, answers: np.ndarray, correct: Sequence[NDArray[np.intp]]) -> list[list[int]]:
    """Ranks from 1, rising, of each query's correct answers among all. queries (Q, D), answers (A, D): unit vectors."""
    results: list[list[int]] = []
    for start in range(0, len(queries), _BLOCK):
        for cosines, indices in zip(queries[start : start + _BLOCK] @ answers.T, correct[start : start + _BLOCK], strict=True):
            own = -np.sort(-cosines[indices])
            others = np.sort(np.delete(cosines, indices))
            before = len(others) - np.searchsorted(others, own, side="left")  # ties are ranked before
            results.append([int(rank) for rank in before + np.arange(1, len(own) + 1)])
    return results


def scores_of_ranks(ranks: Sequence[int], ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """R@k (`r{k}`) and average precision at 10 (`map10`) of one query. ranks: of its relevant items, from 1, rising."""
    precisions = [(index + 1) / rank for index, rank in enumerate(ranks) if rank <= 10]
    return {f"r{k}": float(ranks[0] <= k) for k in ks} | {"map10": sum(precisions) / min(10, len(ranks))}


def evaluate(relevant: NDArray[np.bool_], scores: NDArray[np.floating], ks: tuple[int, ...] = (1, 5, 10)) -> dict[str, float]:
    """Mean R@k (`r{k}`) for each k, and mAP@10 (`map10`)."""
    result = {f"r{k}": float(np.nanmean(recall_at(relevant, scores, k))) for k in ks}
    return result | {"map10": float(np.nanmean(average_precisions_at(relevant, scores, 10)))}
