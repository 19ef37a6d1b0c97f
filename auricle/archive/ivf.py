"""IvfIndex: vectors in memory, grouped by nearest centroid, so that a search compares the vectors of a few lists instead of all.

This is IVF-Flat (Sivic and Zisserman, Video Google, 2003) over unit vectors and cosines.
"""

from __future__ import annotations

import numpy as np

from auricle.listen.neighbours import top_indices
from auricle.listen.scores import unit

PROBES = 8  # lists that a search compares: of a million windows those of 500 lists, see docs/results/archive-search.json
_ITERATIONS, _POINTS_PER_CENTROID = 6, 40  # of k-means, and the size of its sample
_BLOCK = 8192  # vectors compared to all centroids at once, which takes some 30 MB
_COLUMNS = 32  # columns reordered at once, so that this takes an eighth of the vectors' own memory


def fit_centroids(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Fit centroids (C, D) of unit length, C half of sqrt(N), to unit vectors (N, D): spherical k-means over a sample."""
    rng = np.random.default_rng(seed)
    count = max(1, round(len(vectors) ** 0.5 / 2))
    sample = vectors[np.sort(rng.choice(len(vectors), min(len(vectors), _POINTS_PER_CENTROID * count), replace=False))]
    centroids = sample[rng.choice(len(sample), count, replace=False)].copy()
    for _ in range(_ITERATIONS):
        assigned = assign_centroids(sample, centroids)
        order = np.argsort(assigned, kind="stable")
        used, first = np.unique(assigned[order], return_index=True)
        centroids[used] = unit(np.add.reduceat(sample[order], first, axis=0))  # a centroid without vectors stays where it is
    return np.asarray(centroids)


def assign_centroids(vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Index of each vector's nearest centroid, int32 (N,)."""
    assigned = np.empty(len(vectors), np.int32)
    for start in range(0, len(vectors), _BLOCK):
        assigned[start : start + _BLOCK] = (vectors[start : start + _BLOCK] @ centroids.T).argmax(axis=1)
    return assigned


class IvfIndex:
    """Unit vectors in inverted lists. vectors: float32 (N, D), reordered in place. ids: what a search returns for each, int (N,)."""

    def __init__(self, vectors: np.ndarray, ids: np.ndarray, centroids: np.ndarray) -> None:
        assigned = assign_centroids(vectors, centroids)
        order = np.argsort(assigned, kind="stable")
        for start in range(0, vectors.shape[1], _COLUMNS):
            vectors[:, start : start + _COLUMNS] = vectors[order, start : start + _COLUMNS]
        self.centroids, self._vectors, self._ids = centroids, vectors, ids[order]
        self._starts = np.searchsorted(assigned[order], np.arange(len(centroids) + 1))

    def nearest(self, vector: np.ndarray, count: int, *, probes: int = PROBES) -> tuple[np.ndarray, np.ndarray]:
        """Ids (n,) and cosines (n,) of the `count` vectors nearest to a unit vector (D,) in the `probes` nearest lists, nearest first.

        More lists are searched where these hold fewer than `count` vectors.
        """
        ranked = np.argsort(-(self.centroids @ vector), kind="stable")
        enough = np.searchsorted(np.cumsum(self._starts[ranked + 1] - self._starts[ranked]), count) + 1
        spans = [slice(self._starts[number], self._starts[number + 1]) for number in ranked[: max(probes, enough)]]
        cosines = np.concatenate([self._vectors[span] @ vector for span in spans])
        ids = np.concatenate([self._ids[span] for span in spans])
        top = top_indices(cosines, count)
        return ids[top], cosines[top]
