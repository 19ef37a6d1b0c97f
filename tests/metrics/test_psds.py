from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.metrics import psds
from auricle.metrics.frames import FrameScores

from . import slow

LABELS = ("dog", "rain", "siren")


def made(seed: int, *, files: int = 4, frames: int = 20, decimals: int = 2) -> tuple[dict, dict, dict]:
    """Random scores with ties, random references that may overlap."""
    rng = np.random.default_rng(seed)
    scores, reference, durations = {}, {}, {}
    for number in range(files):
        smooth = np.cumsum(rng.normal(size=(frames, len(LABELS))), axis=0)
        scores[f"f{number}"] = FrameScores(np.round(smooth, decimals), np.arange(frames + 1) * 0.5, LABELS)
        reference[f"f{number}"] = []
        for label in rng.choice(LABELS, size=rng.integers(0, 4)):
            onset = float(rng.uniform(0, 8))
            reference[f"f{number}"].append(Event(str(label), onset, onset + float(rng.uniform(0.2, 3)), 1.0))
        durations[f"f{number}"] = frames * 0.5
    return scores, reference, durations


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scenario", [psds.SCENARIO_1, psds.SCENARIO_2, psds.Scenario(0.5, 0.5, 0.3, 1.0, 0.0, 2000.0)])
def test_equals_the_slow_one(seed: int, scenario: psds.Scenario) -> None:
    scores, reference, durations = made(seed, decimals=1 if seed % 2 else 3)
    assert psds.psds(scores, reference, durations, scenario) == pytest.approx(slow.psds(scores, reference, durations, scenario), abs=1e-9)


def test_perfect_scores_are_one_and_no_scores_are_zero() -> None:
    times = np.arange(21) * 0.5
    reference = {"a": [Event(label, 1.0 + index, 4.0 + index, 1.0) for index, label in enumerate(LABELS)]}
    truth = np.stack([[1.0 + index <= time < 4.0 + index for time in times[:-1]] for index in range(3)], axis=1).astype(float)
    perfect = {"a": FrameScores(truth, times, LABELS)}
    assert psds.evaluate(perfect, reference, {"a": 10.0}) == {"psds1": 1.0, "psds2": 1.0}
    flat = {"a": FrameScores(np.zeros_like(truth), times, LABELS)}
    assert psds.psds(flat, {"a": []}, {"a": 10.0}, psds.SCENARIO_1) == 0.0


def test_says_what_differs() -> None:
    scores, reference, durations = made(0)
    with pytest.raises(InputError, match="different files"):
        psds.evaluate(scores, {"f0": []}, durations)
    reference["f0"] = [Event("cat", 0.0, 1.0, 1.0)]
    with pytest.raises(InputError, match="'cat'"):
        psds.evaluate(scores, reference, durations)
    with pytest.raises(InputError, match="at least one file"):
        psds.evaluate({}, {}, {})


def test_frame_scores_check_their_shape() -> None:
    with pytest.raises(InputError, match="shape"):
        FrameScores(np.zeros((3, 2)), np.arange(4.0), LABELS)
    with pytest.raises(InputError, match="increase"):
        FrameScores(np.zeros((2, 3)), np.array([0.0, 1.0, 1.0]), LABELS)
