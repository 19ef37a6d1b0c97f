from __future__ import annotations

import numpy as np
import pytest

from auricle.train.calibrate import f1_curves, fit_platt, fit_temperature, fit_thresholds


def test_fitted_lines_recover_the_odds() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (4000, 2))
    chance = 1 / (1 + np.exp(-(0.5 * logits + np.array([-1.0, 1.0]))))
    lines = fit_platt(logits, rng.random((4000, 2)) < chance)
    assert lines.scale == pytest.approx(0.5, abs=0.05)
    assert lines.bias == pytest.approx([-1.0, 1.0], abs=0.15)


def test_logits_without_information_get_the_base_rate() -> None:
    """The fit starts far away, at a slope of 1 for logits of -20 to 20."""
    rng = np.random.default_rng(0)
    logits, truth = rng.uniform(-20, 20, (2000, 1)), np.zeros((2000, 1), bool)
    truth[::4] = True
    line = fit_platt(logits, truth)
    assert line.scale[0] == pytest.approx(0, abs=0.01) and line.bias[0] == pytest.approx(np.log(1 / 3), abs=0.01)


@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_the_unit_of_the_logits_does_not_matter(factor: float) -> None:
    """As for cosines, whose scale is large."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (2000, 2))
    truth = rng.random((2000, 2)) < 1 / (1 + np.exp(-logits))
    one, other = fit_platt(logits, truth), fit_platt(factor * logits, truth)
    assert factor * other.scale == pytest.approx(one.scale, rel=1e-4) and other.bias == pytest.approx(one.bias, abs=1e-4)


def test_the_scale_of_separable_logits_is_finite() -> None:
    """Two values, eight times each: the best line states exactly the targets, (8 + 1) / (8 + 2) and 1 / (8 + 2)."""
    logits, truth = np.repeat([[1.0], [-1.0]], 8, axis=0), np.repeat([[True], [False]], 8, axis=0)
    line = fit_platt(logits, truth)
    assert line.scale[0] == pytest.approx(np.log(9), abs=1e-5) and line.bias[0] == pytest.approx(0, abs=1e-5)


def test_masked_entries_do_not_count() -> None:
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(0, 3, (400, 2)), rng.random((400, 2)) < 0.5
    mask = np.ones((400, 2), bool)
    mask[200:, 1] = False
    wrong = np.where(mask, truth, ~truth)
    one, other = fit_platt(logits, truth, mask=mask), fit_platt(np.where(mask, logits, 99.0), wrong, mask=mask)
    assert other.scale == pytest.approx(one.scale, rel=1e-5) and other.bias == pytest.approx(one.bias, abs=1e-5)


def one_window(logits: np.ndarray, truth: np.ndarray) -> float:
    return fit_temperature(logits, truth, clips=np.arange(len(logits)), seconds=np.ones(len(logits)))


def test_a_fitted_temperature_recovers_the_odds() -> None:
    """Labels are drawn with the probabilities of logits, which are then stated three times too large."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    odds = np.exp(logits)
    truth = (odds.cumsum(axis=1) / odds.sum(axis=1, keepdims=True) > rng.random((4000, 1))).argmax(axis=1)
    assert one_window(3 * logits, truth) == pytest.approx(1 / 3, rel=0.05)


def test_two_labels_at_odds_of_three_to_one() -> None:
    """Three of four clips have the better label: its score must be 3 / 4 (smoothed: 14 / 20 + 1 / 20), whatever its lead."""
    logits, truth = np.tile([[4.0, 0.0]], (16, 1)), np.array([0, 0, 0, 1] * 4)
    smoothing = 1 / 18
    share = (1 - smoothing) * 3 / 4 + smoothing / 4
    assert one_window(logits, truth) == pytest.approx(np.log(share / (1 - share)) / 4, rel=1e-4)


def test_clips_that_are_all_right_give_no_infinite_scale() -> None:
    """The score of n clips that are all right is (n + 1) / (n + 2): Laplace's rule."""
    assert one_window(np.tile([[1.0, 0.0]], (8, 1)), np.zeros(8, int)) == pytest.approx(np.log(9), rel=1e-4)


def test_windows_of_a_clip_are_averaged_by_their_length() -> None:
    """A silent logit of zero for a third of the clip halves its score there: 2/3 of sigmoid(x) and 1/3 of 1/2."""
    logits, clips = np.tile([[2.0, 0.0], [0.0, 0.0]], (8, 1)), np.repeat(np.arange(8), 2)
    truth = np.array([0, 0, 0, 1] * 2)
    scale = fit_temperature(logits, truth, clips=clips, seconds=np.tile([2.0, 1.0], 8))
    share = 0.9 * 3 / 4 + 0.1 / 4  # smoothed by 1 / (8 + 2)
    inner = (share - 1 / 6) * 3 / 2
    assert scale == pytest.approx(np.log(inner / (1 - inner)) / 2, rel=1e-4)


SCORES = np.array([[0.9, 0.8], [0.6, 0.7], [0.4, 0.2], [0.2, 0.1]])
TRUTH = np.array([[True, True], [True, False], [False, False], [True, False]])


def test_f1_curves_by_hand() -> None:
    own, common = f1_curves(SCORES, TRUTH, np.array([0.1, 0.5, 0.75]))
    assert own[:, 0] == pytest.approx([2 * 3 / (4 + 3), 2 * 2 / (2 + 3), 2 * 1 / (1 + 3)])
    assert own[:, 1] == pytest.approx([2 * 1 / (4 + 1), 2 * 1 / (2 + 1), 1.0])
    assert common == pytest.approx([2 * 4 / (8 + 4), 2 * 3 / (4 + 4), 2 * 2 / (2 + 4)])


def test_a_prior_draws_the_curves_towards_the_common_one() -> None:
    """A prior of as many positives as there are adds the counts of all labels to those of each."""
    own, _ = f1_curves(SCORES, TRUTH, np.array([0.5]), prior=4)
    assert own[0] == pytest.approx([2 * (2 + 3) / (2 + 3 + 4 + 4), 2 * (1 + 3) / (2 + 1 + 4 + 4)])
    own, common = f1_curves(SCORES, TRUTH, np.array([0.1, 0.5, 0.75]), prior=1e9)
    assert own == pytest.approx(np.stack([common, common], axis=1))


def test_masked_scores_are_no_false_positives() -> None:
    mask = np.ones((4, 2), bool)
    mask[1, 1] = False
    own, _ = f1_curves(SCORES, TRUTH, np.array([0.5]), mask=mask)
    assert own[0, 1] == 1.0


def test_thresholds_have_the_best_f1() -> None:
    """The best F1 of the first label takes all four (up to 0.20), of the second only the first (0.71 to 0.80): the middle of each."""
    assert fit_thresholds(SCORES, TRUTH, prior=0.0) == pytest.approx([0.15, 0.75], abs=0.011)
    assert len(set(fit_thresholds(SCORES, TRUTH, prior=1e9).tolist())) == 1


def test_a_label_that_cannot_be_told_is_not_present_everywhere() -> None:
    """One clip in twenty has it, and all score the same, as calibrated scores do then: F1 is best if all are present, at any lower one."""
    assert fit_thresholds(np.full((40, 1), 0.05), np.arange(40)[:, None] < 2, prior=0.0)[0] >= 0.10
