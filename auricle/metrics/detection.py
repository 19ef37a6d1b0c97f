"""Sound event detection: F1 of events by collars, by segments and by intersection.

Convention: a file's events are `core.records.Event`s, times in seconds; events may overlap. A reference and an estimate are mappings from
a file's name to its events; both have the same files (a file without events has an empty list).

Metrics, each as `Counts` per file and label so that any subset can be pooled and intervals drawn by resampling files:

- `collar_counts`: an estimate matches a reference of its label when its onset is within 200 ms and its offset within max(200 ms, 20 % of
  the reference's length). Pairs are a maximum matching (Mesaros, Heittola & Virtanen, "Metrics for Polyphonic Sound Event Detection",
  Applied Sciences 6(6), 2016).
- `segment_counts`: activity of a label in segments of 1 s (same paper).
- `intersection_counts`: overlap criteria of Bilen et al., "A Framework for the Robust Evaluation of Sound Event Detection",
  ICASSP 2020.

PSDS over all thresholds is in `psds.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.metrics.matching import maximum_matching
from auricle.metrics.resampled import Metric

Events = Mapping[str, Sequence[Event]]
#: Tolerance of times (s), so that a length that meets a criterion exactly is not rejected by rounding.
TOLERANCE = 1e-6
#: Collar of onsets and offsets, seconds.
COLLAR = 0.2
#: Seconds by which a reference may end after its file: annotation tools round times to a tenth, and containers pad their last frame.
END_TOLERANCE = 0.1


@dataclass(frozen=True, eq=False)
class Counts:
    """True positives, false positives and false negatives, int (I, K) each, for I files and K labels."""

    files: tuple[str, ...]
    labels: tuple[str, ...]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]

    def by_label(self) -> NDArray[np.float64]:
        """F1 of each label (K,), pooled over files; nan for a label that is in neither reference nor estimate."""
        return f1(self.tp.sum(0), self.fp.sum(0), self.fn.sum(0))

    def macro(self) -> float:
        """Macro F1: mean over the labels that occur; nan when none occurs."""
        scores = self.by_label()
        return float(scores[~np.isnan(scores)].mean()) if not np.isnan(scores).all() else float("nan")

    def micro(self) -> float:
        """Micro F1: all files and labels pooled; nan without any event."""
        return float(f1(self.tp.sum(), self.fp.sum(), self.fn.sum()))

    def take(self, files: NDArray[np.intp]) -> Counts:
        """Counts of a sample of files by index (M,), repeats allowed, for resampling."""
        names = tuple(self.files[index] for index in files.tolist())
        return Counts(names, self.labels, self.tp[files], self.fp[files], self.fn[files])


def f1(tp: NDArray[np.int64], fp: NDArray[np.int64], fn: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 score, 2 tp / (2 tp + fp + fn); nan where all are zero."""
    total = np.asarray(2 * tp + fp + fn, dtype=np.float64)
    return np.where(total > 0, 2 * tp / np.where(total > 0, total, 1.0), np.nan)


def validate(reference: Events, estimate: Events, durations: Mapping[str, float] | None = None) -> None:
    """Raise InputError unless both have the same files and every event has finite times and ends after it starts.

    durations: seconds by file; with them, a reference that ends more than END_TOLERANCE after its file is refused too.
    """
    if reference.keys() != estimate.keys():
        differing = sorted(reference.keys() ^ estimate.keys())
        raise InputError(f"{differing[0]!r} is in only one of reference and estimate; wanted the same files, empty lists allowed")
    validate_times(reference)
    validate_times(estimate)
    if durations is not None:
        validate_durations(reference, durations)


def validate_times(events: Events) -> None:
    """Raise InputError unless every event has 0 <= onset < offset, finite."""
    for file, file_events in events.items():
        for event in file_events:
            if not 0 <= event.onset < event.offset < math.inf:
                raise InputError(f"{file}: {event.label!r} from {event.onset} to {event.offset} s; wanted 0 <= onset < offset, finite")


def validate_durations(reference: Events, durations: Mapping[str, float]) -> None:
    """Raise InputError unless every file has a duration above 0 s, and no reference event ends more than END_TOLERANCE after it."""
    for file, events in reference.items():
        if file not in durations:
            raise InputError(f"durations have no entry for {file!r}; wanted the seconds of every file")
        duration = durations[file]
        if not 0 < duration < math.inf:
            raise InputError(f"{file}: its duration is {duration} s; wanted a finite number above 0")
        for event in events:
            if event.offset > duration + END_TOLERANCE:
                raise InputError(
                    f"{file}: reference {event.label!r} from {event.onset} to {event.offset} s; wanted it to end by {duration} s"
                )


def collar_counts(
    reference: Events,
    estimate: Events,
    labels: Sequence[str] | None = None,
    *,
    onset_collar: float = COLLAR,
    offset_collar: float = COLLAR,
    offset_ratio: float = 0.2,
) -> Counts:
    """Count matches of events by collars on onset and offset.

    onset_collar, offset_collar: seconds. offset_ratio: of the reference's length; the larger of both limits applies to offsets.
    """
    validate(reference, estimate)

    def count(truth: NDArray[np.float64], estimated: NDArray[np.float64]) -> tuple[int, int, int]:
        onset_error = np.abs(truth[:, None, 0] - estimated[None, :, 0])
        offset_error = np.abs(truth[:, None, 1] - estimated[None, :, 1])
        offset_limit = np.maximum(offset_collar, offset_ratio * (truth[:, 1] - truth[:, 0]))
        allowed = (onset_error <= onset_collar + TOLERANCE) & (offset_error <= offset_limit[:, None] + TOLERANCE)
        pairs = len(maximum_matching(allowed))
        return pairs, len(estimated) - pairs, len(truth) - pairs

    return _count(reference, estimate, labels, count)


def segment_counts(
    reference: Events,
    estimate: Events,
    labels: Sequence[str] | None = None,
    *,
    durations: Mapping[str, float],
    segment: float = 1.0,
) -> Counts:
    """Count segments of `segment` seconds; a label is active in a segment that any of its events touches.

    durations: seconds by file. Estimates after a file's end are not counted; a reference after it is an InputError.
    """
    validate(reference, estimate, durations)
    if not 0 < segment < math.inf:
        raise InputError(f"segment is {segment} s; wanted a finite number above 0")
    names = _labels(reference, estimate, labels)
    tables = np.zeros((3, len(reference), len(names)), dtype=np.int64)
    for row, file in enumerate(reference):
        segments = max(int(np.ceil(durations[file] / segment - TOLERANCE)), 1)
        for column, label in enumerate(names):
            truth = _active(_times(reference[file], label), segments, segment)
            estimated = _active(_times(estimate[file], label), segments, segment)
            tables[:, row, column] = (truth & estimated).sum(), (estimated & ~truth).sum(), (truth & ~estimated).sum()
    return Counts(tuple(reference), names, *tables)


def intersection_counts(
    reference: Events,
    estimate: Events,
    labels: Sequence[str] | None = None,
    *,
    dtc_threshold: float = 0.5,
    gtc_threshold: float = 0.5,
) -> Counts:
    """Count events by intersection.

    An estimate is relevant when references of its label cover at least `dtc_threshold` (detection tolerance criterion) of it, else it is a
    false positive. A reference is detected when relevant estimates cover at least `gtc_threshold` (ground truth intersection criterion)
    of it.
    """
    validate(reference, estimate)

    def count(truth: NDArray[np.float64], estimated: NDArray[np.float64]) -> tuple[int, int, int]:
        overlap = overlaps(estimated, truth)
        relevant = overlap.sum(1) >= dtc_threshold * (estimated[:, 1] - estimated[:, 0]) - TOLERANCE
        detected = overlap[relevant].sum(0) >= gtc_threshold * (truth[:, 1] - truth[:, 0]) - TOLERANCE
        return int(detected.sum()), int((~relevant).sum()), int((~detected).sum())

    return _count(reference, estimate, labels, count)


def evaluate(
    reference: Events, estimate: Events, *, durations: Mapping[str, float], labels: Sequence[str] | None = None
) -> dict[str, float]:
    """Macro and micro F1 by collars, segments and intersection, as `{collar,segment,intersection}_f1_{macro,micro}`."""
    metrics = resampled(count_all(reference, estimate, durations=durations, labels=labels))
    return {name: metric.statistic(metric.rows) for name, metric in metrics.items()}


def count_all(
    reference: Events,
    estimate: Events,
    *,
    durations: Mapping[str, float],
    labels: Sequence[str] | None = None,
    collar: float = COLLAR,
) -> dict[str, Counts]:
    """Counts by `collar`, `segment` and `intersection` with their default settings. collar: of onsets and offsets, seconds."""
    return {
        "collar": collar_counts(reference, estimate, labels, onset_collar=collar, offset_collar=collar),
        "segment": segment_counts(reference, estimate, labels, durations=durations),
        "intersection": intersection_counts(reference, estimate, labels),
    }


def resampled(counts: Mapping[str, Counts]) -> dict[str, Metric]:
    """Macro and micro F1 of each of these counts as functions of files, for resampling: `{name}_f1_macro`, `{name}_f1_micro`."""
    metrics: dict[str, Metric] = {}
    for name, one in counts.items():
        files = np.arange(len(one.files))
        metrics[f"{name}_f1_macro"] = Metric(files, lambda sample, one=one: one.take(sample).macro())  # type: ignore[misc]
        metrics[f"{name}_f1_micro"] = Metric(files, lambda sample, one=one: one.take(sample).micro())  # type: ignore[misc]
    return metrics


def overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Overlap in seconds (A, B) of each of A intervals with each of B. first (A, 2), second (B, 2): onset and offset."""
    starts = np.maximum(first[:, None, 0], second[None, :, 0])
    stops = np.minimum(first[:, None, 1], second[None, :, 1])
    shared: NDArray[np.float64] = np.maximum(stops - starts, 0.0)
    return shared


def _labels(reference: Events, estimate: Events, labels: Sequence[str] | None) -> tuple[str, ...]:
    if labels is not None:
        return tuple(labels)
    return tuple(sorted({event.label for events in (*reference.values(), *estimate.values()) for event in events}))


def _times(events: Sequence[Event], label: str) -> NDArray[np.float64]:
    return np.array([(event.onset, event.offset) for event in events if event.label == label], dtype=np.float64).reshape(-1, 2)


def _active(times: NDArray[np.float64], segments: int, segment: float) -> NDArray[np.bool_]:
    active = np.zeros(segments, dtype=np.bool_)
    for onset, offset in times:
        active[int(onset / segment + TOLERANCE) : int(np.ceil(offset / segment - TOLERANCE))] = True
    return active


def _count(
    reference: Events,
    estimate: Events,
    labels: Sequence[str] | None,
    count: Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[int, int, int]],
) -> Counts:
    names = _labels(reference, estimate, labels)
    tables = np.zeros((3, len(reference), len(names)), dtype=np.int64)
    for row, file in enumerate(reference):
        for column, label in enumerate(names):
            tables[:, row, column] = count(_times(reference[file], label), _times(estimate[file], label))
    return Counts(tuple(reference), names, *tables)
