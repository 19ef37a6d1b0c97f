"""Accuracy over clips."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.metrics import event


def test_event_accuracy() -> None:
    truth = np.array([0, 1, 2, 2])
    scores = np.array([[2.0, 1, 0], [0, 0, 1], [0, 1, 2], [1, 1, 1]])
    assert event.correct(truth, scores).tolist() == [True, False, True, False]
    assert event.accuracy(truth, scores) == 0.5


def test_a_truth_of_another_type_is_refused() -> None:
    with pytest.raises(InputError, match="truth has type float64; wanted integers"):
        event.accuracy(np.array([0.0, np.nan]), np.zeros((2, 2)))
