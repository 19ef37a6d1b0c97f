from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from auricle.core.config import LogitCalibration, Output
from auricle.listen.scores import score_function, sigmoid, unit

LABELS = ("dog", "rain", "siren")


def output(scale: tuple[float, ...], bias: tuple[float, ...]) -> Output:
    return Output(
        kind="clip_scores", head="linear", labels=LABELS, activation="softmax", calibration=LogitCalibration(scale=scale, bias=bias)
    )


def test_sigmoid_and_unit_stand_any_number() -> None:
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
    assert unit(np.zeros((2, 3))).tolist() == [[0.0] * 3] * 2


def test_a_softmax_divides_its_logits_by_the_temperature() -> None:
    """At temperature 2, odds of 9 to 1 become odds of 3 to 1."""
    scores = score_function(output((0.5,) * 3, (0.0,) * 3))(np.log([[9.0, 1.0, 1.0]]))
    assert scores == pytest.approx(np.array([[3, 1, 1]]) / 5)


@pytest.mark.parametrize(
    ("scale", "bias"), [((0.5, 1.0, 0.5), (0.0,) * 3), ((0.5,) * 3, (0.0, 0.0, 0.1)), ((-0.5,) * 3, (0.0,) * 3), ((0.0,) * 3, (0.0,) * 3)]
)
def test_a_softmax_has_one_temperature(scale: tuple[float, ...], bias: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="one scale over 0 for all labels"):
        output(scale, bias)
