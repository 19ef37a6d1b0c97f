from __future__ import annotations

import numpy as np

from auricle.listen.scores import sigmoid, unit


def test_sigmoid_and_unit_stand_any_number() -> None:
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
    assert unit(np.zeros((2, 3))).tolist() == [[0.0] * 3] * 2
