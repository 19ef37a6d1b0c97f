"""Accuracy over clips, classes and folds."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.metrics import event


def test_event_accuracy() -> None:
    truth = np.array([0, 1, 2, 2])
    scores = np.array([[2.0, 1, 0], [0, 0, 1], [0, 1, 2], [1, 1, 1]])
    assert event.correct(truth, scores).tolist() == [True, False, True, False]
    found = event.evaluate(truth, scores, np.array([1, 1, 2, 2]))
    assert found == {"accuracy": 0.5, "macro_accuracy": 0.5, "accuracy_fold_1": 0.5, "accuracy_fold_2": 0.5}


def test_a_truth_of_another_type_is_refused() -> None:
    with pytest.raises(InputError, match="truth has type float64; wanted whole numbers"):
        event.evaluate(np.array([0.0, np.nan]), np.zeros((2, 2)))
    with pytest.raises(InputError, match="folds are int64 of shape"):
        event.evaluate(np.array([0, 1]), np.zeros((2, 2)), np.array([1]))
