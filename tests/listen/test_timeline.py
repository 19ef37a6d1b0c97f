from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import tone_model
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.core.config import ModelConfig
from auricle.core.format1 import upgrade_config
from auricle.listen.pipeline import WindowResult
from auricle.listen.timeline import Timeline
from auricle.tasks import detection

RATE = 16_000


def config() -> ModelConfig:
    return upgrade_config(json.dumps(tone_model.config()).encode())


def parts(scores: np.ndarray, present: np.ndarray | None = None) -> Iterator[WindowResult]:
    """Windows of 10 s, 8 s apart, cut from the frame scores (T, K) of a whole recording."""
    count = max(1, 1 + -(-(len(scores) - 125) // 100))
    for place in range(count):
        frames = scores[place * 100 : place * 100 + 125]
        clip = np.ones(5) if present is None else present[place]
        yield WindowResult(place * 8.0, len(frames) / 12.5, place == count - 1, True, clip, frames, None, None)


def heard(scores: np.ndarray, present: np.ndarray | None = None) -> list[tuple[str, float, float, float]]:
    timeline = Timeline(config())
    for part in parts(scores, present):
        timeline.add(part)
    return [(event.label, event.onset, event.offset, event.score) for event in timeline.events(len(scores) / 12.5)]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 700), st.integers(0, 1000), st.floats(0.3, 0.99))
def test_windows_give_the_same_events_as_one_pass(frames: int, seed: int, calm: float) -> None:
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.uniform(0, 1, (frames // 5 + 1, 5)) ** (1 / (1.01 - calm)), 5, axis=0)[:frames]
    scores = np.clip(levels + rng.normal(0, 0.05, levels.shape), 0, 1).astype(np.float32)
    whole = detection.decode(scores, tone_model.LABELS, frame_rate=12.5, thresholds=0.5)
    assert heard(scores) == [(event.label, event.onset, event.offset, event.score) for event in whole]


def test_an_event_over_many_windows_is_one() -> None:
    scores = np.zeros((800, 5), np.float32)
    scores[30:700, 2] = 0.9
    assert heard(scores) == [("high tone", 2.4, 56.0, pytest.approx(0.9))]


def test_the_tag_of_one_window_carries_its_event_and_no_other() -> None:
    scores = np.zeros((500, 5), np.float32)
    scores[20:40, 0] = scores[300:320, 0] = 0.9  # the second is heard by windows 2 and 3, and kept by window 2 (frames 212 to 312) and 3
    present = np.zeros((5, 5))
    present[0, 0] = 1.0
    assert [onset for _, onset, _, _ in heard(scores, present)] == [1.6]
    present[3, 0] = 1.0
    assert [onset for _, onset, _, _ in heard(scores, present)] == [1.6, 24.0]


def test_silent_windows_leave_gaps() -> None:
    timeline = Timeline(config())
    loud = np.full((125, 5), 0.9, np.float32)
    timeline.add(WindowResult(0.0, 10.0, False, True, np.ones(5), loud, None, None))
    timeline.add(WindowResult(8.0, 10.0, False, False, np.zeros(5), None, None, None))
    timeline.add(WindowResult(16.0, 10.0, True, True, np.ones(5), loud, None, None))
    assert {(event.onset, event.offset) for event in timeline.events(26.0)} == {(0.0, 8.96), (16.96, 26.0)}


def test_ten_hours_are_kept_small() -> None:
    timeline = Timeline(config())
    frames = np.zeros((125, 5), np.float32)
    frames[:, 0] = 0.9
    for place in range(4500):
        timeline.add(WindowResult(place * 8.0, 10.0, place == 4499, True, np.ones(5), frames, None, None))
    kept = sum(values.nbytes for runs in timeline._segments.values() for _, values, _ in runs)
    assert kept == 4 * (4500 * 100 + 25)
    assert len(timeline.events(36_002.0)) == 1
