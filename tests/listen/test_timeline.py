from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tone_model
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.core.config import ModelConfig
from auricle.core.format1 import upgrade_config
from auricle.core.records import EventWindows
from auricle.listen.pipeline import WindowResult
from auricle.listen.timeline import Timeline, WindowBlocks
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


def framed(scores: np.ndarray, windows: EventWindows, *, seconds: float) -> np.ndarray:
    """Frame scores (T, K) by WindowBlocks, of windows that all have the same length except that the last one ends at `seconds`."""
    blocks = WindowBlocks(config(), windows, hop=windows.hop)
    parts = []
    for index, clip in enumerate(scores):
        start, last = index * windows.hop, index == len(scores) - 1
        length = seconds - start if last else windows.window
        parts.append(blocks.add(WindowResult(start, length, last, True, clip, None, None, None)))
    complete = [part for part in parts if part is not None]
    assert [part.start for part in complete] == [64 * index for index in range(len(complete))]
    return np.concatenate([part.scores for part in complete])


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.integers(1, 150), st.integers(0, 100), st.floats(0.01, 0.99))
def test_a_frame_is_the_mean_of_the_windows_that_cover_it(count: int, number: int, seed: int, rest: float) -> None:
    scores = np.random.default_rng(seed).random((number, 5)).astype(np.float32)
    windows = EventWindows(count * 0.25, 0.25)
    seconds = (number - 1) * 0.25 + (count - rest if number > 1 else max(count - rest, 0.1)) * 0.25
    middles = np.arange(int(np.ceil(seconds / 0.25 - 1e-6))) + 0.5
    starts = np.arange(number)
    wanted = [scores[(starts < middle) & (middle < starts + count)].mean(axis=0) for middle in middles]
    np.testing.assert_allclose(framed(scores, windows, seconds=seconds), wanted, atol=1e-6)


def test_a_window_starts_an_event_that_lasts_while_the_mean_stays_up() -> None:
    """Windows of four hops, of which three have the label: their mean is over 0.15 (0.3 of the threshold) where one of them covers."""
    windows = EventWindows(1.0, 0.25)
    timeline = Timeline(config(), WindowBlocks(config(), windows, hop=0.25))
    for index in range(17):
        clip = np.zeros(5, np.float32)
        clip[0] = 0.8 if 6 <= index < 9 else 0.0
        clip[1] = 0.4 if 6 <= index < 9 else 0.0  # never reaches the threshold of 0.5
        clip[2] = 0.2 if index < 9 or index > 12 else 0.9  # present in windows 9 to 12 only: its mean is over 0.15 all the time
        timeline.add(WindowResult(index * 0.25, 1.0, index == 16, True, clip, None, None, None))
    long, event = timeline.events(5.0)
    assert (long.label, long.onset, long.offset) == ("high tone", 0.0, 5.0)
    assert (event.label, event.onset, event.offset) == ("low tone", 1.5, 3.0)
    assert event.score == pytest.approx(0.8 * np.mean([1, 2, 3, 3, 2, 1]) / 4)


def test_windows_of_one_hop_tell_times_within_it(tone_folder: Path) -> None:
    listener = tone_model.without_frames(tone_folder)
    rng = np.random.default_rng(0)
    for label in tone_model.TONES:
        first, length = float(rng.uniform(1, 3)), float(rng.uniform(1, 3))
        clip = tone_model.clip(tone_model.silence(first), tone_model.tone(label, length), tone_model.silence(2.0))
        for hop in (0.25, 0.1):
            analysis = listener.detect(clip, window=hop, hop=hop)
            (event,) = analysis.events
            assert event.label == label and analysis.event_windows == EventWindows(hop, hop)
            assert abs(first - event.onset) <= hop and abs(event.offset - first - length) <= hop
        (event,) = listener.detect(clip, window=1.0).events  # four windows cover a moment
        assert 0 <= first - event.onset <= 1 and 0 <= event.offset - first - length <= 1


def test_hops_that_are_no_whole_number_of_samples_do_not_drift(tone_folder: Path) -> None:
    listener = tone_model.without_frames(tone_folder)
    clip = tone_model.clip(tone_model.silence(200.0), tone_model.tone("low tone", 2.0), tone_model.silence(1.0))
    (event,) = listener.detect(clip, window=0.05003, hop=0.05003).events  # 800.48 samples
    assert abs(event.onset - 200.0) < 0.06 and abs(event.offset - 202.0) < 0.06
