"""Areas under curves beside slow plain ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.core.errors import InputError
from auricle.metrics import curves

from . import slow

pairs = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_average_precision_equals_the_slow_one(items: list[tuple[bool, int]]) -> None:
    truth, scores = [item[0] for item in items], [float(item[1]) for item in items]
    fast = curves.average_precision(np.array(truth), np.array(scores))
    assert fast == pytest.approx(slow.average_precision(truth, scores), nan_ok=True)


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_roc_area_is_the_chance_of_the_right_order(items: list[tuple[bool, int]]) -> None:
    truth, scores = np.array([item[0] for item in items]), np.array([float(item[1]) for item in items])
    gaps = scores[truth][:, None] - scores[~truth][None, :]
    wanted = ((gaps > 0) + 0.5 * (gaps == 0)).mean() if gaps.size else float("nan")
    assert curves.roc_auc(truth, scores) == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize("measure", [curves.average_precision, curves.roc_auc])
def test_curves_check_what_they_get(measure: Callable[[np.ndarray, np.ndarray], float]) -> None:
    with pytest.raises(InputError, match="shape"):
        measure(np.zeros(2, dtype=bool), np.zeros(3))
    with pytest.raises(InputError, match="wanted bool"):
        measure(np.array([0, 1]), np.zeros(2))
    for value in (np.nan, np.inf):
        with pytest.raises(InputError, match="NaN or infinity"):
            measure(np.array([True, False]), np.array([value, 0.0]))
