"""Sound event detection: labels with onset and offset.

Convention: an event is a contiguous sound of one source; pauses up to 0.5 s are bridged, longer ones split it; events shorter than
0.1 s are dropped. Times are seconds from the start of the file. Frame t covers t / frame_rate to (t + 1) / frame_rate.
Decoding: median filter over 0.25 s, hysteresis thresholding (an event reaches the label's threshold and lasts while the score stays above
a fraction of it: Canny 1986 for edges, Delphin-Poulat and Plapous, DCASE 2019 for sounds), then pauses, minimum length and gate.
Metric: PSDS (Bilen et al., ICASSP 2020); also collar-based, segment-based and intersection F1.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from auricle.core.config import FRAME_LOGITS, Decoding, Output
from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.tasks.task import Task, Windows, thresholds_of

if TYPE_CHECKING:
    from auricle.metrics.frames import FrameScores
    from auricle.metrics.resampled import Metric, Row

#: Metrics of rows; the first one decides comparisons.
METRICS = ("psds1", "psds2", *(f"{kind}_f1_{mean}" for kind in ("collar", "segment", "intersection") for mean in ("macro", "micro")))

#: Events of one clip, in any order.
Target: TypeAlias = Sequence[Event]

_DIGITS, _LEAST = 3, 1e-3  # of scores in rows: significant digits, and the lowest one that is not 0
_TOLERANCE = 1e-6  # of a frame or a second, for rounding of times


#: Decoding of frame scores where a model has none of its own.
RULE = Decoding()
#: For frame scores that are means of overlapping windows (auricle.listen.timeline.WindowBlocks): they are smooth already, and an event
#: begins where they reach the threshold at which it ends.
WINDOW_RULE = Decoding(smooth=0.0, hold=1.0)


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
    rule: Decoding = RULE,
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
    scores: np.ndarray, *, frame_rate: float, threshold: float, gate: np.ndarray | None = None, rule: Decoding = RULE
) -> list[Segment]:
    """Frame probabilities (T,) of one label to active segments, in order of time. gate: bool (T,)."""
    scores = np.asarray(scores, dtype=np.float64)
    smoothed = smooth(scores, frame_rate=frame_rate, rule=rule)
    active = smoothed >= min(threshold, max(threshold * rule.hold, np.finfo(np.float32).tiny))
    runs = [run for run in _runs(active) if smoothed[run[0] : run[1]].max() >= threshold]
    segments = []
    for start, stop in _bridge_pauses(runs, rule.pause * frame_rate):
        if stop - start + _TOLERANCE < rule.shortest * frame_rate or (gate is not None and not gate[start:stop].any()):
            continue
        inside = slice(start, stop)
        segments.append(Segment(start, stop, float(smoothed[inside][active[inside]].mean())))
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


def smooth(scores: np.ndarray, *, frame_rate: float, rule: Decoding = RULE) -> np.ndarray:
    """Frame scores (T,) of one label after the median filter of the decoding."""
    return median(scores, int(rule.smooth * frame_rate + _TOLERANCE) // 2 * 2 + 1)


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


def grade(
    reference: Sequence[Event],
    estimate: Sequence[Event],
    frames: FrameScores,
    duration: float,
    *,
    collar: float | None = None,
    name: str = "clip",
) -> dict[str, Any]:
    """Fields of a row: the counts of one file, from which METRICS are computed; labels are indices of those of frames.

    reference, estimate: events of these labels. duration, collar (of onsets and offsets; None is 0.2): seconds. name: of the file.
    `labels`: number of labels. `events`: label, number of references, seconds. `collar`, `segment`, `intersection`: label, true positives,
    false positives, false negatives. `psds1`, `psds2`: metrics.psds.FileCounts.
    """
    from auricle.metrics import detection, psds

    labels, limit = tuple(frames.labels), detection.COLLAR if collar is None else collar
    row: dict[str, Any] = {"duration": duration, "labels": len(labels)}
    tables = detection.count_all({name: reference}, {name: estimate}, durations={name: duration}, labels=labels, collar=limit)
    for kind, table in tables.items():
        row[kind] = _occupied(np.stack([table.tp[0], table.fp[0], table.fn[0]], axis=1))
    for kind, scenario in (("psds1", psds.SCENARIO_1), ("psds2", psds.SCENARIO_2)):
        counts = psds.count_file(frames, reference, duration, scenario)
        row["events"] = _occupied(counts.references)
        row[kind] = {"steps": _plain(counts.steps), "cross": _plain(counts.cross)}
    return row


def round_scores(scores: np.ndarray) -> np.ndarray:
    """Frame scores rounded to three significant digits, and 0 for those below 0.001, so that a row has few thresholds."""
    scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(np.maximum(scores, _LEAST))))
    return np.where(scores < _LEAST, 0.0, np.round(scores * scale) / scale)


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """METRICS of rows with the fields of `grade`; labels without a reference in the rows that are drawn are left out of PSDS."""
    from auricle.metrics import detection, psds

    count = max(int(row["labels"]) for row in rows)
    events = [_table(row["events"], (count, 2)) for row in rows]
    found: dict[str, Metric] = {}
    for name, scenario in (("psds1", psds.SCENARIO_1), ("psds2", psds.SCENARIO_2)):
        files = [
            psds.FileCounts(
                np.reshape(row[name]["steps"], (-1, 4)).astype(np.float64), np.reshape(row[name]["cross"], (-1, 3)), own, row["duration"]
            )
            for row, own in zip(rows, events, strict=True)
        ]
        found[name] = psds.resampled(files, scenario)
    names = tuple(map(str, range(count)))
    counts = {}
    for name in ("collar", "segment", "intersection"):
        tables = np.stack([_table(row[name], (count, 3)) for row in rows]).astype(np.int64)
        counts[name] = detection.Counts(tuple(map(str, range(len(rows)))), names, *np.moveaxis(tables, 2, 0))
    return found | detection.resampled(counts)


def _occupied(table: np.ndarray) -> list[list[float]]:
    """Rows of (K, C) that are not zero, each with its index before it."""
    index = np.flatnonzero(table.any(axis=1))
    return _plain(np.insert(table[index].astype(np.float64), 0, index, axis=1))


def _table(rows: Sequence[Sequence[float]], shape: tuple[int, int]) -> np.ndarray:
    """The inverse of _occupied."""
    table = np.zeros(shape)
    for index, *values in rows:
        table[int(index)] = values
    return table


def _plain(table: np.ndarray) -> list[list[float]]:
    """Rows of a table with whole numbers as int, which are shorter in JSON."""
    return [[int(value) if value == int(value) else value for value in row] for row in table.tolist()]


def _encode(target: Target, spec: Output, seconds: float) -> np.ndarray:
    rate = spec.rate or 0.0
    return encode(
        [event for event in target if event.label in spec.labels], spec.labels, frame_rate=rate, frames=max(1, math.ceil(seconds * rate))
    )


def _decode(windows: Windows, spec: Output, duration: float) -> tuple[Event, ...]:
    rate = spec.rate or 0.0
    rule = spec.decoding or RULE
    return decode(windows.timeline(rate), spec.labels, frame_rate=rate, thresholds=thresholds_of(spec), duration=duration, rule=rule)


def _row(target: Target, windows: Windows, spec: Output, duration: float) -> dict[str, Any]:
    from auricle.metrics.frames import FrameScores

    rate = spec.rate or 0.0
    scores = windows.timeline(rate) if len(windows) else np.zeros((max(1, math.ceil(duration * rate)), len(spec.labels)))
    rule = spec.decoding or RULE
    found = decode(scores, spec.labels, frame_rate=rate, thresholds=thresholds_of(spec), duration=duration, rule=rule)
    reference = [event for event in target if event.label in spec.labels]
    return grade(reference, found, FrameScores(round_scores(scores), np.arange(len(scores) + 1) / rate, spec.labels), duration)


TASK = Task(
    name="detection",
    about="which sounds, and when? labels with onset and offset",
    field="events",
    kind="frame_scores",
    output=FRAME_LOGITS,
    vocabulary=lambda targets: sorted({event.label for events in targets for event in events}),
    encode=_encode,
    decode=_decode,
    row=_row,
    metrics=metrics,
    page="docs/tasks/detection.md",
)
