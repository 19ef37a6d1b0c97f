"""Calibration of words: the scale that was there is found, files are checked, and the error that is told is the one of the metric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auricle.core.errors import InputError, WriteError
from auricle.listen.scale import Scale, calibrate, measure, softmax


def clips(count: int, labels: int, scale: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of clips whose truth is drawn as the scale says."""
    rng = np.random.default_rng(seed)
    cosines = rng.uniform(-0.5, 0.8, (count, labels))
    shares = softmax(scale * cosines).astype(np.float64)
    truth = np.array([rng.choice(labels, p=row / row.sum()) for row in shares])
    return cosines, truth


@pytest.mark.parametrize("scale", [2.0, 8.0, 30.0])
def test_one_finds_the_scale_that_drew_the_truth(scale: float) -> None:
    cosines, truth = clips(6000, 8, scale)
    found = calibrate(cosines, truth)
    assert found.scale == pytest.approx(scale, rel=0.1) and found.bias == 0 and found.clips == 6000
    assert measure(cosines, truth, found)["ece"] < 0.02
    for other in (0.5, 2.0):
        worse = measure(cosines, truth, found.model_copy(update={"scale": found.scale * other}))
        assert worse["nll"] > measure(cosines, truth, found)["nll"] and worse["ece"] > 0.03


def test_any_finds_scale_and_bias() -> None:
    rng = np.random.default_rng(0)
    cosines = rng.uniform(-0.5, 0.8, (4000, 5))
    truth = rng.uniform(size=cosines.shape) < 1 / (1 + np.exp(-(6 * cosines - 2)))
    found = calibrate(cosines, truth, question="any")
    assert found.scale == pytest.approx(6, rel=0.1) and found.bias == pytest.approx(-2, abs=0.15)
    assert measure(cosines, truth, found)["ece"] < 0.02
    assert measure(cosines, truth, Scale(question="any", scale=12, bias=-6))["ece"] > 0.1


def test_the_same_cosines_give_the_same_bits() -> None:
    cosines, truth = clips(200, 4, 5)
    assert calibrate(cosines, truth) == calibrate(cosines.copy(), truth.copy())


def test_a_few_clips_that_are_all_right_make_no_certainty() -> None:
    assert calibrate(np.eye(3), np.arange(3)).scale == pytest.approx(np.log(8))  # a share of four in five, as of three clips
    assert calibrate(np.tile(np.eye(3), (100, 1)), np.tile(np.arange(3), 100)).scale > 6
    assert calibrate(-np.eye(3), np.arange(3)).scale == pytest.approx(0.1, rel=1e-6)


def test_shares_sum_to_one_and_any_stands_alone() -> None:
    cosines = np.array([[0.2, 0.5, 0.1], [1e3, -1e3, 0.0]])
    shares = Scale(question="one", scale=100).probabilities(cosines)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    each = Scale(question="any", scale=4, bias=-1).probabilities(cosines[0])
    np.testing.assert_allclose(each, 1 / (1 + np.exp(-(4 * cosines[0] - 1))), rtol=1e-6)


def test_scales_are_stored_and_read(tmp_path: Path) -> None:
    made = Scale(question="any", scale=7.25, bias=-2.5, clips=3, model="ab", wording="bare", rule="max")
    made.save(tmp_path / "s.json")
    assert Scale.load(tmp_path / "s.json") == made and list(tmp_path.iterdir()) == [tmp_path / "s.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"question": "one"}', '{"question": "one", "scale": 0}', '{"question": "two", "scale": 1}'])
def test_files_that_hold_no_scale_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InputError, match=r"s\.json"):
        Scale.load(tmp_path / "s.json")
    with pytest.raises(InputError, match="cannot be read"):
        Scale.load(tmp_path / "none.json")
    with pytest.raises(WriteError, match="there is no such file or folder"):
        Scale(question="one", scale=1).save(tmp_path / "no" / "s.json")


COSINES = np.zeros((4, 3))
WRONG = {
    "places out of range": ("one", COSINES, np.array([0, 1, 2, 3])),
    "too few": ("one", COSINES, np.array([0, 1, 2])),
    "no places": ("one", COSINES, np.zeros(4)),
    "one label": ("one", COSINES[:, :1], np.zeros(4, int)),
    "nan": ("one", np.full((4, 3), np.nan), np.zeros(4, int)),
    "none": ("one", np.zeros((0, 3)), np.zeros(0, int)),
    "not bool": ("any", COSINES, np.zeros((4, 3))),
    "nothing true": ("any", COSINES, np.zeros((4, 3), bool)),
    "another shape": ("any", COSINES, np.eye(3, dtype=bool)),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_fitted_is_refused(case: str) -> None:
    question, cosines, truth = WRONG[case]
    with pytest.raises(InputError, match="wanted"):
        calibrate(cosines, truth, question=question)  # type: ignore[arg-type]
