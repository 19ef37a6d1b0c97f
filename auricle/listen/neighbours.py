"""Neighbours: a vector in, the stored stretches of sound nearest to it out. What few-shot heads and retrieval ask of any store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from auricle.core.errors import InputError
from auricle.listen.pipeline import Space


class Neighbour(NamedTuple):
    """A stretch of a recording, seconds from its start, and the cosine of its vector to the one asked about."""

    file: str
    onset: float
    offset: float
    cosine: float


class Neighbours(Protocol):
    """A store of stretches with their vectors. archive.search.Searcher is one at scale."""

    def nearest(self, vector: np.ndarray, count: int, *, space: Space = "likeness") -> list[Neighbour]:
        """The `count` nearest to a unit vector of that space, nearest first; ties in the store's order."""


class ExactNeighbours:
    """Vectors in memory, all compared. vectors: float32 (N, E), unit length, of one space; stretches: (file, onset, offset), N of them."""

    def __init__(self, vectors: np.ndarray, stretches: Sequence[tuple[str, float, float]], *, space: Space = "likeness") -> None:
        if vectors.ndim != 2 or len(vectors) != len(stretches):
            raise InputError(f"vectors have shape {vectors.shape} for {len(stretches)} stretches; wanted a row each")
        self._vectors, self._stretches, self._space = vectors, stretches, space

    def nearest(self, vector: np.ndarray, count: int, *, space: Space = "likeness") -> list[Neighbour]:
        """The `count` nearest to a unit vector, nearest first."""
        if space != self._space:
            raise InputError(f"vectors of space {self._space!r} are stored; {space!r} was asked for")
        cosines = self._vectors @ vector
        places = best(cosines, count).tolist()
        return [Neighbour(file, on, off, float(cosines[p])) for p in places for file, on, off in [self._stretches[p]]]


def best(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the `count` largest of values (N,), largest first, equal ones in order; without sorting all of them."""
    if count >= len(values):
        return np.argsort(-values, kind="stable")
    least = np.partition(values, -count)[-count]
    top = np.flatnonzero(values >= least)
    return top[np.argsort(-values[top], kind="stable")][:count]
