"""Nearest neighbours: order and ties."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from auricle.listen.neighbours import top_indices


@given(arrays.arrays(np.float32, st.integers(1, 60), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])), st.integers(1, 70))
def test_the_best_are_those_of_a_whole_sort(values: np.ndarray, count: int) -> None:
    np.testing.assert_array_equal(top_indices(values, count), np.argsort(-values, kind="stable")[:count])
