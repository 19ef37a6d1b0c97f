from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.metrics import detection as measures
from auricle.metrics import psds
from auricle.metrics.frames import FrameScores
from auricle.tasks import detection

RATE = 12.5


def track(*runs: tuple[int, int, float], frames: int = 100) -> np.ndarray:
    scores = np.zeros(frames)
    for start, stop, score in runs:
        scores[start:stop] = score
    return scores


def found(scores: np.ndarray, threshold: float = 0.5, gate: np.ndarray | None = None) -> list[tuple[int, int]]:
    return [(run.start, run.stop) for run in detection.find_segments(scores, frame_rate=RATE, threshold=threshold, gate=gate)]


def test_pauses_up_to_half_a_second_are_bridged() -> None:
    assert found(track((10, 20, 0.9), (26, 40, 0.9))) == [(10, 40)]  # 6 frames: 0.48 s
    assert found(track((10, 20, 0.9), (27, 40, 0.9))) == [(10, 20), (27, 40)]  # 7 frames: 0.56 s


def test_the_pause_does_not_dilute_the_score() -> None:
    (run,) = detection.find_segments(track((10, 20, 0.9), (25, 35, 0.7)), frame_rate=RATE, threshold=0.5)
    assert run.score == pytest.approx(0.8)


def test_one_frame_alone_is_no_event() -> None:
    assert found(track((10, 11, 1.0))) == []
    assert found(track((10, 12, 1.0))) == [(10, 12)]


def test_an_event_lasts_while_it_holds() -> None:
    scores = track((10, 20, 0.35), (20, 30, 0.8), (30, 40, 0.35))
    assert found(scores) == [(10, 40)]
    assert found(track((10, 20, 0.35))) == []


def test_the_gate_drops_what_never_meets_it() -> None:
    scores = track((10, 20, 0.9), (50, 60, 0.9))
    gate = np.zeros(100, bool)
    gate[15:30] = True
    assert found(scores, gate=gate) == [(10, 20)]


def test_events_at_the_very_ends_are_whole() -> None:
    assert found(track((0, 5, 0.9), (95, 100, 0.9))) == [(0, 5), (95, 100)]


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_extreme_thresholds(threshold: float) -> None:
    assert found(track((10, 20, 1.0)), threshold) == ([(0, 100)] if threshold == 0 else [(10, 20)])


def test_times_are_clipped_to_the_duration() -> None:
    scores = np.ones((10, 1))
    assert detection.decode(scores, ("a",), frame_rate=RATE, duration=0.77) == (Event("a", 0.0, 0.77, 1.0),)


def test_empty_frames() -> None:
    assert detection.decode(np.zeros((0, 2)), ("a", "b"), frame_rate=RATE) == ()


def test_wrong_shapes_and_times_are_refused() -> None:
    with pytest.raises(InputError, match="wanted"):
        detection.decode(np.zeros((5, 2)), ("a",), frame_rate=RATE)
    with pytest.raises(InputError, match="0 <= onset"):
        detection.encode([Event("a", 2.0, 1.0, 1.0)], ("a",), frame_rate=RATE, frames=10)
    with pytest.raises(InputError, match="vocabulary"):
        detection.encode([Event("b", 0.0, 1.0, 1.0)], ("a",), frame_rate=RATE, frames=10)


def test_every_event_marks_a_frame() -> None:
    assert detection.encode([Event("a", 0.401, 0.402, 1.0)], ("a",), frame_rate=RATE, frames=10)[5, 0] == 1


@settings(deadline=None)
@given(arrays.arrays(np.float32, st.integers(0, 60), elements=st.floats(0, 1, width=32)), st.floats(0.05, 0.95))
def test_stretches_are_ordered_apart_and_well_founded(scores: np.ndarray, threshold: float) -> None:
    runs = detection.find_segments(scores, frame_rate=RATE, threshold=threshold)
    smooth = detection.median(scores.astype(np.float64), 3)
    for run in runs:
        assert 0 <= run.start < run.stop <= len(scores)
        assert (run.stop - run.start) / RATE >= 0.1
        assert smooth[run.start : run.stop].max() >= threshold
        assert threshold * detection.RULE.hold <= run.score <= 1
    for run, after in itertools.pairwise(runs):
        assert (after.start - run.stop) / RATE > 0.5


def value(rows: list[dict[str, object]], name: str) -> float:
    metric = detection.metrics(json.loads(json.dumps(rows)))[name]
    return metric.statistic(metric.rows)


def scored(seed: int, files: int = 8) -> list[tuple[tuple[Event, ...], tuple[Event, ...], FrameScores]]:
    """References, estimates and random frame scores of files of 8 s."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(files):
        scores = np.clip(np.cumsum(rng.normal(0, 0.2, (100, 3)), axis=0) + 0.5, 0, 1)
        onsets = rng.uniform(0, 6, 3)
        reference = tuple(Event(label, onset, onset + rng.uniform(0.2, 2), 1.0) for label, onset in zip("abc", onsets, strict=True))
        made.append((reference, detection.decode(scores, "abc", frame_rate=RATE), FrameScores(scores, np.arange(101) / RATE, "abc")))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_metrics_of_rows_are_those_of_the_files(seed: int) -> None:
    files = {f"{index}": one for index, one in enumerate(scored(seed))}
    rows = [detection.grade(*one, 8.0) for one in files.values()]
    references, estimates, scores = ({name: one[part] for name, one in files.items()} for part in range(3))
    durations = dict.fromkeys(files, 8.0)
    wanted = psds.evaluate(scores, references, durations) | measures.evaluate(references, estimates, durations=durations, labels="abc")
    assert {name: value(rows, name) for name in detection.METRICS} == wanted
    drawn = np.array([0, 0, 3, 5])
    again = [rows[index] for index in drawn]
    for name, metric in detection.metrics(rows).items():
        assert metric.statistic(drawn) == pytest.approx(value(again, name), abs=1e-9), name


def test_equal_events_score_one_and_shifted_ones_by_more_than_the_collar_nothing() -> None:
    rows, shifted = [], []
    for reference, _, frames in scored(5):
        rows.append(detection.grade(reference, reference, frames, 8.0))
        late = [Event(event.label, event.onset + 0.25, event.offset + 0.25, 1.0) for event in reference]
        shifted.append(detection.grade(reference, late, frames, 8.0))
    assert {value(rows, name) for name in detection.METRICS if "f1" in name} == {1.0}
    assert value(shifted, "collar_f1_micro") == value(shifted, "collar_f1_macro") == 0.0


def test_a_label_without_a_reference_counts_for_no_psds() -> None:
    reference, estimate, frames = scored(7, files=1)[0]
    two = FrameScores(frames.scores[:, :2], frames.times, "ab")
    assert value([detection.grade(reference[:2], estimate, frames, 8.0)], "psds1") == pytest.approx(
        psds.psds({"": two}, {"": reference[:2]}, {"": 8.0}, psds.SCENARIO_1)
    )


def test_rounding_keeps_three_digits() -> None:
    given = np.array([0.0, 1e-9, 0.00099, 0.0012345, 0.98765, 1.0])
    assert detection.round_scores(given).tolist() == [0.0, 0.0, 0.0, 0.00123, 0.988, 1.0]
