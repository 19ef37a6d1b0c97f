"""IvfIndex: what it finds, against comparing every vector."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.archive.ivf import IvfIndex, assign_centroids, fit_centroids
from auricle.listen.scores import unit

COUNT, DIM = 3000, 48


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Sounds of forty kinds, each kind unlike the others."""
    rng = np.random.default_rng(5)
    kinds = unit(rng.standard_normal((40, DIM)).astype(np.float32))
    return unit(kinds[rng.integers(40, size=COUNT)] + rng.standard_normal((COUNT, DIM)).astype(np.float32) * np.float32(0.08))


def made(vectors: np.ndarray, **settings: int) -> IvfIndex:
    return IvfIndex(vectors.copy(), np.arange(len(vectors), dtype=np.int32), fit_centroids(vectors, **settings))


def test_all_lists_together_hold_every_vector_once(vectors: np.ndarray) -> None:
    lists = made(vectors)
    asked = vectors[7]
    places, cosines = lists.nearest(asked, COUNT, probes=1)  # more than a list holds: more lists are searched
    exact = vectors @ asked
    assert sorted(places.tolist()) == list(range(COUNT))
    np.testing.assert_allclose(cosines, exact[places], atol=1e-6)
    assert (np.diff(cosines) <= 0).all() and places[0] == 7


def test_a_few_lists_find_nearly_all_of_the_nearest(vectors: np.ndarray) -> None:
    lists = made(vectors)
    rng = np.random.default_rng(6)
    asked = unit(vectors[rng.integers(COUNT, size=50)] + rng.standard_normal((50, DIM)).astype(np.float32) * np.float32(0.05))
    exact = [set(np.argsort(-(vectors @ one))[:10].tolist()) for one in asked]

    def recall(probes: int) -> float:
        return float(
            np.mean(
                [len(true & set(lists.nearest(one, 10, probes=probes)[0].tolist())) / 10 for true, one in zip(exact, asked, strict=True)]
            )
        )

    assert recall(8) > 0.95 and recall(len(lists.centroids)) == 1.0


def test_centres_are_of_unit_length_and_the_same_for_a_seed(vectors: np.ndarray) -> None:
    centres = fit_centroids(vectors, seed=3)
    assert centres.shape == (round(COUNT**0.5 / 2), DIM)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(centres, fit_centroids(vectors, seed=3))
    assert not np.array_equal(centres, fit_centroids(vectors, seed=4))
    np.testing.assert_array_equal(assign_centroids(vectors, centres), (vectors @ centres.T).argmax(axis=1))


def test_vectors_that_are_all_the_same_are_found(vectors: np.ndarray) -> None:
    lists = made(np.repeat(vectors[:1], 100, axis=0))
    assert sorted(lists.nearest(vectors[0], 100, probes=1)[0].tolist()) == list(range(100))


def test_one_vector_is_a_list() -> None:
    lists = made(np.eye(3, dtype=np.float32)[:1])
    places, cosines = lists.nearest(np.eye(3, dtype=np.float32)[1], 5)
    assert places.tolist() == [0] and cosines.tolist() == [0.0]
