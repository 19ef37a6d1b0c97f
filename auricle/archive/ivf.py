"""IvfIndex: vectors grouped by the nearest of some centres, in memory, so that a search compares those of a few lists instead of all.

What indexes call IVF-Flat (Sivic and Zisserman, Video Google, 2003), over unit vectors and cosines.
"""

from __future__ import annotations

import numpy as np

from auricle.listen.neighbours import best
from auricle.listen.scores import unit

PROBES = 8  # lists that a search compares: of a million windows those of 500 lists, see docs/results/archive-search.json
_ROUNDS, _SAMPLE = 6, 40  # of the search for centres, and vectors a centre that it looks at
_AT_ONCE = 8192  # vectors compared to all centres, which takes some 30 MB
_COLUMNS = 32  # that are put into order at once, so that this takes an eighth of the vectors' own memory


def centres_of(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Unit vectors (C, D), C half of sqrt(N), that vectors (N, D) of unit length gather around: k-means by cosines over a sample."""
    rng = np.random.default_rng(seed)
    count = max(1, round(len(vectors) ** 0.5 / 2))
    some = vectors[np.sort(rng.choice(len(vectors), min(len(vectors), _SAMPLE * count), replace=False))]
    centres = some[rng.choice(len(some), count, replace=False)].copy()
    for _ in range(_ROUNDS):
        chosen = nearest_centres(some, centres)
        order = np.argsort(chosen, kind="stable")
        present, first = np.unique(chosen[order], return_index=True)
        centres[present] = unit(np.add.reduceat(some[order], first, axis=0))  # a centre that nothing is near stays where it is
    return np.asarray(centres)


def nearest_centres(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Number of each vector's nearest centre, (N,)."""
    chosen = np.empty(len(vectors), np.int32)
    for start in range(0, len(vectors), _AT_ONCE):
        chosen[start : start + _AT_ONCE] = (vectors[start : start + _AT_ONCE] @ centres.T).argmax(axis=1)
    return chosen


class IvfIndex:
    """Unit vectors in lists. vectors: float32 (N, D), which are put into another order; places: what a search calls each, int (N,)."""

    def __init__(self, vectors: np.ndarray, places: np.ndarray, centres: np.ndarray) -> None:
        chosen = nearest_centres(vectors, centres)
        order = np.argsort(chosen, kind="stable")
        for start in range(0, vectors.shape[1], _COLUMNS):
            vectors[:, start : start + _COLUMNS] = vectors[order, start : start + _COLUMNS]
        self.centres, self._vectors, self._places = centres, vectors, places[order]
        self._starts = np.searchsorted(chosen[order], np.arange(len(centres) + 1))

    def nearest(self, vector: np.ndarray, count: int, *, probes: int = PROBES) -> tuple[np.ndarray, np.ndarray]:
        """Places (n,) and cosines (n,) of the `count` vectors of the nearest lists that are nearest to a unit vector, nearest first.

        As many more lists are searched as it takes to find that many vectors.
        """
        ranked = np.argsort(-(self.centres @ vector), kind="stable")
        enough = np.searchsorted(np.cumsum(self._starts[ranked + 1] - self._starts[ranked]), count) + 1
        spans = [slice(self._starts[found], self._starts[found + 1]) for found in ranked[: max(probes, enough)]]
        cosines = np.concatenate([self._vectors[span] @ vector for span in spans])
        places = np.concatenate([self._places[span] for span in spans])
        top = best(cosines, count)
        return places[top], cosines[top]
