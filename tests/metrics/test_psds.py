from __future__ import annotations

import math

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
            offset = min(onset + float(rng.uniform(0.2, 3)), frames * 0.5)
            reference[f"f{number}"].append(Event(str(label), onset, offset, 1.0))
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


@pytest.mark.parametrize(
    ("onset", "offset", "wanted"),
    [
        (2.0, 2.0, "wanted 0 <= onset < offset, finite"),
        (3.0, 2.0, "wanted 0 <= onset < offset, finite"),
        (-1.0, 2.0, "wanted 0 <= onset < offset, finite"),
        (math.nan, 2.0, "wanted 0 <= onset < offset, finite"),
        (1.0, math.nan, "wanted 0 <= onset < offset, finite"),
        (1.0, math.inf, "wanted 0 <= onset < offset, finite"),
        (9.0, 10.2, "wanted it to end by 10.0 s"),
        (11.0, 12.0, "wanted it to end by 10.0 s"),
    ],
)
def test_a_reference_that_cannot_be_found_is_refused(onset: float, offset: float, wanted: str) -> None:
    scores, reference, durations = made(0)
    reference["f1"] = [Event("dog", onset, offset, 1.0)]
    with pytest.raises(InputError, match=f"f1: .*'dog' from {onset} to {offset} s; {wanted}"):
        psds.evaluate(scores, reference, durations)


def test_a_reference_rounded_to_just_past_the_end_is_taken() -> None:
    """A tenth of a second is what annotation tools round by."""
    times = np.arange(21) * 0.5
    truth = np.stack([(times[:-1] >= 4.0 + index).astype(float) for index in range(3)], axis=1)
    reference = {"a": [Event(label, 4.0 + index, 10.1, 1.0) for index, label in enumerate(LABELS)]}
    assert psds.psds({"a": FrameScores(truth, times, LABELS)}, reference, {"a": 10.0}, psds.SCENARIO_1) == 1.0


@pytest.mark.parametrize("duration", [0.0, -1.0, math.nan, math.inf])
def test_a_duration_that_is_none_is_refused(duration: float) -> None:
    scores, reference, durations = made(0)
    with pytest.raises(InputError, match=f"f2: its duration is {duration} s; wanted a finite number above 0"):
        psds.evaluate(scores, reference, {**durations, "f2": duration})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_frame_scores_are_finite(value: float) -> None:
    with pytest.raises(InputError, match="scores or times contain NaN or infinity"):
        FrameScores(np.array([[value, 0.0, 0.0]]), np.arange(2.0), LABELS)
    with pytest.raises(InputError, match=r"NaN or infinity|increase"):
        FrameScores(np.zeros((1, 3)), np.array([0.0, value]), LABELS)


def test_frame_scores_check_their_shape() -> None:
    with pytest.raises(InputError, match="shape"):
        FrameScores(np.zeros((3, 2)), np.arange(4.0), LABELS)
    with pytest.raises(InputError, match="increase"):
        FrameScores(np.zeros((2, 3)), np.array([0.0, 1.0, 1.0]), LABELS)


@pytest.mark.parametrize("scenario", [psds.SCENARIO_1, psds.SCENARIO_2])
def test_a_resample_is_measured_as_the_drawn_files_under_names_of_their_own(scenario: psds.Scenario) -> None:
    scores, reference, durations = made(3, files=12)
    pool = psds.Pool([psds.count_file(scores[file], reference[file], durations[file], scenario) for file in scores], scenario)
    rng = np.random.default_rng(0)
    for _ in range(5):
        drawn = [f"f{number}" for number in rng.integers(12, size=12)]
        named = {f"{index}": file for index, file in enumerate(drawn)}
        direct = psds.psds(*({index: part[file] for index, file in named.items()} for part in (scores, reference, durations)), scenario)
        assert pool.psds(np.array([drawn.count(file) for file in scores])) == pytest.approx(direct, abs=1e-9)


def test_labels_that_were_not_drawn_are_left_out() -> None:
    scores, reference, durations = made(1)
    reference = {file: [event for event in events if event.label != "siren"] for file, events in reference.items()}
    pool = psds.Pool([psds.count_file(scores[f], reference[f], durations[f], psds.SCENARIO_2) for f in scores], psds.SCENARIO_2)
    once = np.ones(4, int)
    assert pool.references.sum(0)[2] == 0
    two = {file: FrameScores(frames.scores[:, :2], frames.times, LABELS[:2]) for file, frames in scores.items()}
    assert pool.psds(once, [0, 1]) == pytest.approx(psds.psds(two, reference, durations, psds.SCENARIO_2), abs=1e-9)
    assert math.isnan(pool.psds(once, []))
