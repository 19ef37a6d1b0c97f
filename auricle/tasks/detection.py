"""Sound event detection: labels with onset and offset.

Convention: an event is a contiguous sound of one source; pauses up to 0.5 s are bridged, longer ones split it; events shorter than
0.1 s are dropped. Times are seconds from the start of the file. Frame t covers t / frame_rate to (t + 1) / frame_rate.
Decoding: median filter over 0.25 s, hysteresis thresholding (an event reaches the label's threshold and lasts while the score stays above
a fraction of it: Canny 1986 for edges, Delphin-Poulat and Plapous, DCASE 2019 for sounds), then pauses, minimum length and gate.
Metric: PSDS (Bilen et al., ICASSP 2020); also collar-based, segment-based and intersection F1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from auricle.core.errors import InputError
from auricle.core.records import Event

#: Events of one clip, in any order.
Target: TypeAlias = Sequence[Event]

_TOLERANCE = 1e-6  # of a frame or a second, for rounding of times


@dataclasses.dataclass(frozen=True)
class Rule:
    """Decoding parameters, in seconds, except hold: the lower threshold of an event as a fraction of the label's threshold.

    smooth: length of the median filter. pause: longest bridged pause. shortest: minimum length of an event.
    """

    smooth: float = 0.25
    hold: float = 0.3
    pause: float = 0.5
    shortest: float = 0.1


RULE = Rule()


@dataclasses.dataclass(frozen=True)
class Segment:
    """Frames [start, stop) of one label, and the mean score of its active frames."""

    start: int
    stop: int
    score: float


def encode(target: Target, labels: Sequence[str], *, frame_rate: float, frames: int) -> np.ndarray:
    """Events to float32 (T, K): 1 in every frame that an event covers by half or more, in at least one frame for each event.

    InputError for a label outside the vocabulary or bad times.
    """
    indices = {label: index for index, label in enumerate(labels)}
    active = np.zeros((frames, len(indices)), np.float32)
    for event in target:
        if event.label not in indices:
            raise InputError(f"label {event.label!r} is not among the {len(indices)} of the vocabulary")
        if not 0 <= event.onset <= event.offset:
            raise InputError(f"event {event.label!r} lasts from {event.onset} to {event.offset} s; wanted 0 <= onset <= offset")
        start = int(np.ceil(event.onset * frame_rate - 0.5 - _TOLERANCE))
        stop = int(np.floor(event.offset * frame_rate + 0.5 + _TOLERANCE))
        active[start : max(stop, start + 1), indices[event.label]] = 1.0
    return active


def decode(
    scores: np.ndarray,
    labels: Sequence[str],
    *,
    frame_rate: float,
    thresholds: np.ndarray | float = 0.5,
    gate: np.ndarray | None = None,
    duration: float | None = None,
    rule: Rule = RULE,
) -> tuple[Event, ...]:
    """Frame probabilities (T, K) of one clip to events, sorted by onset. InputError for a wrong shape.

    thresholds: one, or (K,). gate: bool (K,) or (T, K), labels that are present in the clip; events without an open gate in any frame
    are dropped. duration: seconds; events are clipped to it.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.shape[1] != len(labels):
        raise InputError(f"frame scores have shape {scores.shape}; wanted (frames, {len(labels)})")
    thresholds = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), (len(labels),))
    gates = np.ones(scores.shape, bool) if gate is None else np.broadcast_to(gate, scores.shape)
    events: list[Event] = []
    for index, label in enumerate(labels):
        threshold = float(thresholds[index])
        segments = find_segments(scores[:, index], frame_rate=frame_rate, threshold=threshold, gate=gates[:, index], rule=rule)
        events += to_events(segments, label, frame_rate=frame_rate, duration=duration)
    return sort_events(events)


def find_segments(
    scores: np.ndarray, *, frame_rate: float, threshold: float, gate: np.ndarray | None = None, rule: Rule = RULE
) -> list[Segment]:
    """Frame probabilities (T,) of one label to active segments, in order of time. gate: bool (T,)."""
    scores = np.asarray(scores, dtype=np.float64)
    smooth = median(scores, int(rule.smooth * frame_rate + _TOLERANCE) // 2 * 2 + 1)
    active = smooth >= min(threshold, max(threshold * rule.hold, np.finfo(np.float32).tiny))
    runs = [run for run in _runs(active) if smooth[run[0] : run[1]].max() >= threshold]
    segments = []
    for start, stop in _bridge_pauses(runs, rule.pause * frame_rate):
        if stop - start + _TOLERANCE < rule.shortest * frame_rate or (gate is not None and not gate[start:stop].any()):
            continue
        inside = slice(start, stop)
        segments.append(Segment(start, stop, float(smooth[inside][active[inside]].mean())))
    return segments


def to_events(segments: Sequence[Segment], label: str, *, frame_rate: float, duration: float | None = None) -> list[Event]:
    """Segments of one label as events in seconds, clipped to the duration."""
    end = np.inf if duration is None else duration
    return [
        Event(label, segment.start / frame_rate, float(min(segment.stop / frame_rate, end)), segment.score)
        for segment in segments
        if segment.start / frame_rate < end
    ]


def sort_events(events: Sequence[Event]) -> tuple[Event, ...]:
    """Sort events by onset, then offset, then label."""
    return tuple(sorted(events, key=lambda event: (event.onset, event.offset, event.label)))


def median(scores: np.ndarray, width: int) -> np.ndarray:
    """Median filter of scores (T,) over `width` (odd) frames; the first and last frame are repeated beyond the ends."""
    if width < 3 or not len(scores):
        return scores
    padded = np.pad(scores, width // 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1))


def _runs(active: np.ndarray) -> list[tuple[int, int]]:
    """Runs [start, stop) of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _bridge_pauses(runs: list[tuple[int, int]], pause: float) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, stop in runs:
        if joined and start - joined[-1][1] <= pause + _TOLERANCE:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def measure(targets: Sequence[Target], scores: Sequence[np.ndarray], labels: Sequence[str], *, frame_rate: float) -> float:
    """PSDS of scenario 1 for frame scores (T, K) of several clips."""
    from auricle.metrics.frames import FrameScores
    from auricle.metrics.psds import SCENARIO_1, psds

    names = [str(index) for index in range(len(targets))]
    edges = [np.arange(len(one) + 1) / frame_rate for one in scores]
    frames = {name: FrameScores(one, times, labels) for name, one, times in zip(names, scores, edges, strict=True)}
    durations = {name: float(times[-1]) for name, times in zip(names, edges, strict=True)}
    return psds(frames, dict(zip(names, targets, strict=True)), durations, SCENARIO_1)
