"""Neighbours: order, ties, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from auricle.core.errors import InputError
from auricle.listen.neighbours import ExactNeighbours, Neighbour, best


def test_nearest_first() -> None:
    store = ExactNeighbours(np.eye(3, dtype=np.float32), [("a", 0, 5), ("b", 0, 5), ("c", 5, 10)])
    assert store.nearest(np.array([0.6, 0.0, 0.8], np.float32), 2) == [
        Neighbour("c", 5, 10, pytest.approx(0.8)),
        ("a", 0, 5, pytest.approx(0.6)),
    ]


@given(arrays.arrays(np.float32, st.integers(1, 60), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])), st.integers(1, 70))
def test_the_best_are_those_of_a_whole_sort(values: np.ndarray, count: int) -> None:
    np.testing.assert_array_equal(best(values, count), np.argsort(-values, kind="stable")[:count])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="for 1 stretches"):
        ExactNeighbours(np.eye(3), [("a", 0, 5)])
    with pytest.raises(InputError, match="'words' was asked for"):
        ExactNeighbours(np.eye(1), [("a", 0, 5)]).nearest(np.ones(1), 1, space="words")
