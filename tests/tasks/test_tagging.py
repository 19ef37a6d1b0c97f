"""Which sounds: labels that come near where none is present. What all tasks have in common is in test_contract.py."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.core.records import Label
from auricle.tasks import tagging


@pytest.mark.parametrize(
    ("scores", "thresholds", "guesses"),
    [
        ((0.2, 0.33, 0.54, 0.1), 0.675, ("c",)),  # half of 0.675 is 0.3375
        ((0.2, 0.34, 0.54, 0.1), 0.675, ("c", "b")),
        ((0.3, 0.3, 0.2, 0.2), (0.5, 0.9, 0.4, 0.5), ("a", "c")),
        ((0.4, 0.45, 0.41, 0.42), 0.5, ("b", "d", "c")),
        ((0.0, 0.0, 0.0, 0.0), 0.5, ()),
    ],
)
def test_guesses_reach_half_their_threshold(
    scores: tuple[float, ...], thresholds: float | tuple[float, ...], guesses: tuple[str, ...]
) -> None:
    found = tagging.guesses(np.array(scores), "abcd", thresholds=np.array(thresholds))
    assert found == tuple(Label(label, scores["abcd".index(label)], False) for label in guesses)
