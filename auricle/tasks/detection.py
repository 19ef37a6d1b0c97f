"""Which sounds, and when? Every sounding stretch of every source, with onset and offset.

Convention: an event is a sounding stretch of one source; pauses up to 0.5 s are bridged, longer ones split it; what lasts under
0.1 s is dropped. Times are seconds from the start of the file. Frame t covers t / frame_rate to (t + 1) / frame_rate.
Decoding: median filter over 0.25 s, then two thresholds (an event reaches the label's own and lasts while the score stays over a
share of it: Canny 1986 for edges, Delphin-Poulat and Plapous, DCASE 2019 for sounds), then pauses, then length, then the gate.
Metric: PSDS (Bilen et al., ICASSP 2020), beside collar, segment and intersection F1.
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

_NEARLY = 1e-6  # of a frame or a second: times come as decimal fractions of a frame rate


@dataclasses.dataclass(frozen=True)
class Rule:
    """How frame scores become events; all in seconds but `hold`, the share of its threshold that an event may sink to."""

    smooth: float = 0.25
    hold: float = 0.3
    pause: float = 0.5
    shortest: float = 0.1


RULE = Rule()


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Frames [start, stop) of one label, and the mean score of those that sound."""

    start: int
    stop: int
    score: float


def encode(target: Target, labels: Sequence[str], *, frame_rate: float, frames: int) -> np.ndarray:
    """Events to float32 (T, K): 1 in every frame of which an event covers half or more, and in one frame at least for each."""
    places = {label: index for index, label in enumerate(labels)}
    active = np.zeros((frames, len(places)), np.float32)
    for event in target:
        if event.label not in places:
            raise InputError(f"label {event.label!r} is not among the {len(places)} of the vocabulary")
        if not 0 <= event.onset <= event.offset:
            raise InputError(f"event {event.label!r} lasts from {event.onset} to {event.offset} s; wanted 0 <= onset <= offset")
        start = int(np.ceil(event.onset * frame_rate - 0.5 - _NEARLY))
        stop = int(np.floor(event.offset * frame_rate + 0.5 + _NEARLY))
        active[start : max(stop, start + 1), places[event.label]] = 1.0
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
    """Frame probabilities (T, K) of one clip to events, by onset.

    thresholds: one, or (K,). gate: bool (K,) or (T, K), the labels that the clip as a whole was found to hold; an event that
    never meets its gate is dropped. duration: seconds; events are clipped to it.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.shape[1] != len(labels):
        raise InputError(f"frame scores have shape {scores.shape}; wanted (frames, {len(labels)})")
    thresholds = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), (len(labels),))
    gates = np.ones(scores.shape, bool) if gate is None else np.broadcast_to(gate, scores.shape)
    events: list[Event] = []
    for index, label in enumerate(labels):
        threshold = float(thresholds[index])
        found = stretches(scores[:, index], frame_rate=frame_rate, threshold=threshold, gate=gates[:, index], rule=rule)
        events += timed(found, label, frame_rate=frame_rate, duration=duration)
    return in_order(events)


def stretches(
    scores: np.ndarray, *, frame_rate: float, threshold: float, gate: np.ndarray | None = None, rule: Rule = RULE
) -> list[Stretch]:
    """Frame probabilities (T,) of one label to its sounding stretches, in order of time. gate: bool (T,)."""
    scores = np.asarray(scores, dtype=np.float64)
    smooth = median(scores, int(rule.smooth * frame_rate + _NEARLY) // 2 * 2 + 1)
    sounding = smooth >= min(threshold, max(threshold * rule.hold, np.finfo(np.float32).tiny))
    runs = [run for run in _runs(sounding) if smooth[run[0] : run[1]].max() >= threshold]
    found = []
    for start, stop in _bridged(runs, rule.pause * frame_rate):
        if stop - start + _NEARLY < rule.shortest * frame_rate or (gate is not None and not gate[start:stop].any()):
            continue
        inside = slice(start, stop)
        found.append(Stretch(start, stop, float(smooth[inside][sounding[inside]].mean())))
    return found


def timed(found: Sequence[Stretch], label: str, *, frame_rate: float, duration: float | None = None) -> list[Event]:
    """Stretches of one label as events in seconds, clipped to the duration."""
    end = np.inf if duration is None else duration
    return [
        Event(label, stretch.start / frame_rate, float(min(stretch.stop / frame_rate, end)), stretch.score)
        for stretch in found
        if stretch.start / frame_rate < end
    ]


def in_order(events: Sequence[Event]) -> tuple[Event, ...]:
    """Events by onset, then offset, then label."""
    return tuple(sorted(events, key=lambda event: (event.onset, event.offset, event.label)))


def median(scores: np.ndarray, width: int) -> np.ndarray:
    """Median of `width` (odd) neighbouring frames (T,); the first and last frame go on beyond the ends."""
    if width < 3 or not len(scores):
        return scores
    padded = np.pad(scores, width // 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1))


def _runs(active: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _bridged(runs: list[tuple[int, int]], pause: float) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, stop in runs:
        if joined and start - joined[-1][1] <= pause + _NEARLY:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def measure(targets: Sequence[Target], scores: Sequence[np.ndarray], labels: Sequence[str], *, frame_rate: float) -> float:
    """PSDS, first scenario, of frame scores (T, K) of several clips."""
    from auricle.metrics.frames import FrameScores
    from auricle.metrics.psds import SCENARIO_1, psds

    names = [str(place) for place in range(len(targets))]
    edges = [np.arange(len(one) + 1) / frame_rate for one in scores]
    frames = {name: FrameScores(one, times, labels) for name, one, times in zip(names, scores, edges, strict=True)}
    durations = {name: float(times[-1]) for name, times in zip(names, edges, strict=True)}
    return psds(frames, dict(zip(names, targets, strict=True)), durations, SCENARIO_1)
