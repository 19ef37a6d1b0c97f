"""Nearest neighbours of a vector: the record of one, and the indices of the largest values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Neighbour(NamedTuple):
    """A stretch of a recording (seconds from its start) and the cosine of its vector and the query vector."""

    file: str
    onset: float
    offset: float
    cosine: float


def top_indices(values: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` largest of values (N,), largest first, ties in order; only these are sorted."""
    if count >= len(values):
        return np.argsort(-values, kind="stable")
    least = np.partition(values, -count)[-count]
    top = np.flatnonzero(values >= least)
    return top[np.argsort(-values[top], kind="stable")][:count]
