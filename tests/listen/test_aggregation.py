"""Windows to one answer: each rule by hand, and the contrast against a background."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.listen.aggregation import NEAREST, Contrast, Cosines, WindowAggregator
from auricle.listen.scale import Rule, Scale
from auricle.listen.scores import unit

ROWS = unit(np.random.default_rng(0).standard_normal((3, 6)))
WINDOWS = unit(np.random.default_rng(1).standard_normal((5, 6)))
SECONDS = np.array([5.0, 5.0, 5.0, 5.0, 1.0])
PLAIN = Cosines(ROWS, Scale(question="one", scale=4.0))


def gathered(rule: Rule, windows: np.ndarray = WINDOWS, seconds: np.ndarray = SECONDS) -> np.ndarray | None:
    gathering = WindowAggregator(PLAIN, rule)
    for vector, length in zip(windows, seconds, strict=True):
        gathering.add(vector, float(length))
    return gathering.evidence()


def test_each_rule_by_hand() -> None:
    cosines = WINDOWS @ ROWS.T
    mean = (WINDOWS * SECONDS[:, None]).sum(axis=0)
    np.testing.assert_allclose(gathered("mean"), ROWS @ mean / np.linalg.norm(mean), atol=1e-6)
    np.testing.assert_allclose(gathered("max"), cosines.max(axis=0), atol=1e-6)
    np.testing.assert_allclose(gathered("top3"), np.sort(cosines, axis=0)[2:].mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("rule", ["mean", "max", "top3"])
def test_one_window_is_the_same_by_every_rule(rule: Rule) -> None:
    np.testing.assert_allclose(gathered(rule, WINDOWS[:1], SECONDS[:1]), WINDOWS[0] @ ROWS.T, atol=1e-6)


@pytest.mark.parametrize("rule", ["mean", "max", "top3"])
def test_windows_that_say_nothing_change_nothing(rule: Rule) -> None:
    gathering = WindowAggregator(PLAIN, rule)
    gathering.add(None, 5.0)
    assert gathering.evidence() is None
    gathering.add(WINDOWS[0], 5.0)
    gathering.add(None, 5.0)
    np.testing.assert_allclose(gathering.evidence(), WINDOWS[0] @ ROWS.T, atol=1e-6)


def test_contrast_is_a_share_among_the_names_that_are_not_near() -> None:
    rng = np.random.default_rng(2)
    background, sound = unit(rng.standard_normal((40, 6))), WINDOWS[0]
    contrast = Contrast.against(background, ROWS, 5.0)
    for label, score in enumerate(contrast.scores(contrast.evidence(sound))):
        far = np.argsort(-(background @ ROWS[label]), kind="stable")[NEAREST:]
        powers = np.exp(5.0 * np.append(ROWS[label] @ sound, background[far] @ sound).astype(np.float64))
        assert score == pytest.approx(powers[0] / powers.sum(), rel=1e-4)


def test_one_label_alone_is_no_certainty() -> None:
    background = unit(np.random.default_rng(2).standard_normal((527, 6)))
    scores = [
        Contrast.against(background, ROWS[:1], 20.0).scores(Contrast.against(background, ROWS[:1], 20.0).evidence(sound))
        for sound in WINDOWS
    ]
    assert max(float(score[0]) for score in scores) < 0.9
    own = Contrast.against(background, ROWS[:1], 200.0)
    assert own.scores(own.evidence(ROWS[0]))[0] > 0.9  # yet what fits it far better than other names is told


def test_contrast_takes_many_windows_at_once_and_large_scales() -> None:
    background = unit(np.random.default_rng(2).standard_normal((40, 6)))
    contrast = Contrast.against(background, ROWS, 1000.0)
    together = contrast.evidence(WINDOWS)
    assert together.shape == (5, 3) and np.isfinite(together).all()
    np.testing.assert_allclose(together, np.stack([contrast.evidence(window) for window in WINDOWS]), rtol=1e-4, atol=1e-3)
