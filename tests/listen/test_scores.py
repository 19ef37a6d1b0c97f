from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from auricle.core.config import LogitCalibration, Output
from auricle.listen.scores import implying_labels, score_function, sigmoid, unit

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


def tree(**settings: object) -> Output:
    fields = {
        "kind": "clip_scores",
        "head": "linear",
        "labels": ("animal", "dog", "chow chow", "rain"),
        "implies": {"chow chow": ("dog",), "dog": ("animal",)},
    }
    return Output(**{**fields, **settings})  # type: ignore[arg-type]


def test_a_label_scores_no_less_than_one_that_implies_it_over_two_steps() -> None:
    logits = np.random.default_rng(0).standard_normal((200, 3, 4)).astype(np.float32)
    calibration = LogitCalibration(scale=(0.5, 2.0, 1.0, 1.0), bias=(-1.0, 0.0, 1.0, 0.0))
    scores = score_function(tree(calibration=calibration))(logits)
    free = score_function(tree(calibration=calibration, implies={}))(logits)
    assert (scores[..., 0] >= scores[..., 1]).all() and (scores[..., 1] >= scores[..., 2]).all()
    assert np.array_equal(scores[..., 2:], free[..., 2:])  # what implies nothing more specific stays
    assert np.array_equal(scores[..., 0], free[..., :3].max(axis=-1))
    assert (free[..., 0] < free[..., 1]).any()  # it would not hold by itself


def test_implied_labels_are_found_in_a_circle_too() -> None:
    circle = tree(implies={"dog": ("animal",), "animal": ("dog",)})
    assert circle.implied("dog") == {"animal"} and implying_labels(circle) == {0: [1], 1: [0]}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"implies": {"dog": ("wolf",)}}, "implies names 'wolf'"),
        ({"implies": {"wolf": ("animal",)}}, "implies names 'wolf'"),
        ({"activation": "softmax"}, "only scores of independent labels"),
    ],
)
def test_only_independent_labels_of_the_output_are_implied(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        tree(**settings)
