"""PSDS: how well are sounds found over all thresholds, when a user allows so many false alarms an hour?

Convention: `FrameScores` by file, references as in `detection.py`, durations in seconds by file. Every operating point counts:
the score is exact, not an approximation by a grid of thresholds (Ebbers, Serizel & Haeb-Umbach, "Threshold-Independent
Evaluation of Sound Event Detection Scores", ICASSP 2022). Definitions: Bilen et al., "A Framework for the Robust Evaluation of
Sound Event Detection", ICASSP 2020.

At a threshold, a run of frames over it is a detection. It is relevant when references of its label cover at least
`detection_share` of it, else a false positive; a false positive that references of another label cover by at least
`cross_share` is also a cross trigger of that label. A reference is found when relevant detections cover at least
`reference_share` of it. Then, by label,

    false rate = false positives an hour + cross_weight * mean over the other labels of (cross triggers per hour of that label)

and over labels, at each false rate,

    true rate = mean - spread_weight * standard deviation of the share of references found

and PSDS is the area under the true rate over the false rate up to `most` an hour, divided by `most`.

Metrics: `psds` with a `Scenario`; `SCENARIO_1` rewards exact times, `SCENARIO_2` not confusing labels (DCASE 2021 task 4 to
today).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError
from auricle.metrics.curves import staircase_area
from auricle.metrics.detection import TOLERANCE, Events, overlaps, validate_durations, validate_times
from auricle.metrics.frames import FrameScores, runs

HOUR = 3600.0


@dataclass(frozen=True)
class Scenario:
    """What a detection must fulfil; see the head of this file. Shares 0 to 1; most: false alarms an hour."""

    detection_share: float
    reference_share: float
    cross_share: float | None = None
    cross_weight: float = 0.0
    spread_weight: float = 1.0
    most: float = 100.0


SCENARIO_1 = Scenario(detection_share=0.7, reference_share=0.7)
SCENARIO_2 = Scenario(detection_share=0.1, reference_share=0.1, cross_share=0.3, cross_weight=0.5)


@dataclass(frozen=True, eq=False)
class LabelCurve:
    """Best share of references found at an effective false positive rate of at most `rates` an hour; both (P,), increasing."""

    rates: NDArray[np.float64]
    found: NDArray[np.float64]


def validate(scores: Mapping[str, FrameScores], reference: Events, durations: Mapping[str, float]) -> tuple[str, ...]:
    """Raises InputError unless all hold the same files and labels, and references are finite, in order and inside their files.

    Returns the labels.
    """
    if not scores:
        raise InputError("there are no scores; wanted at least one file")
    if scores.keys() != reference.keys() or not scores.keys() <= durations.keys():
        raise InputError("scores, reference and durations name different files; wanted the same, empty lists of events allowed")
    labels = tuple(next(iter(scores.values())).labels)
    for file, found in scores.items():
        if tuple(found.labels) != labels:
            raise InputError(f"{file}: labels differ from the other files'; wanted one list in one order")
    unknown = {event.label for events in reference.values() for event in events} - set(labels)
    if unknown:
        raise InputError(f"reference has the label {min(unknown)!r}, which no scores have; wanted labels of the scores alone")
    validate_times(reference)
    validate_durations(reference, durations)
    return labels


def psds(scores: Mapping[str, FrameScores], reference: Events, durations: Mapping[str, float], scenario: Scenario) -> float:
    """The score, 0 to 1 (1 is best)."""
    curves = list(label_curves(scores, reference, durations, scenario).values())
    rates = np.unique(np.concatenate([[0.0], *(curve.rates for curve in curves)]))
    found = np.stack([_at(curve, rates) for curve in curves])
    effective = np.maximum(found.mean(0) - scenario.spread_weight * found.std(0), 0.0)
    return staircase_area(rates, effective, scenario.most) / scenario.most


def evaluate(scores: Mapping[str, FrameScores], reference: Events, durations: Mapping[str, float]) -> dict[str, float]:
    """Both scenarios of DCASE task 4."""
    return {
        "psds1": psds(scores, reference, durations, SCENARIO_1),
        "psds2": psds(scores, reference, durations, SCENARIO_2),
    }


def label_curves(
    scores: Mapping[str, FrameScores], reference: Events, durations: Mapping[str, float], scenario: Scenario
) -> dict[str, LabelCurve]:
    """One curve a label.

    A label that never occurs in the reference finds nothing, so it pulls the mean down: leave it out of the scores.
    """
    labels = validate(scores, reference, durations)
    times = {file: _by_label(reference, file, labels) for file in scores}
    seconds = sum(durations[file] for file in scores)
    lengths = np.array([sum(float(np.diff(times[file][label]).sum()) for file in scores) for label in labels])
    events = np.array([sum(len(times[file][label]) for file in scores) for label in labels])
    curves = {}
    for index, label in enumerate(labels):
        steps = [_file_steps(scores[file], index, times[file], labels, scenario) for file in scores]
        found, false, crossed = _pooled(steps, len(labels))
        rate = false / seconds * HOUR
        if scenario.cross_share is not None:
            others = np.arange(len(labels)) != index
            rate = rate + scenario.cross_weight * HOUR * (crossed[:, others] / np.maximum(lengths[others], 1e-12)).mean(1)
        curves[label] = _curve(rate, found / max(events[index], 1))
    return curves


def _by_label(reference: Events, file: str, labels: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    return {
        label: np.array([(event.onset, event.offset) for event in reference[file] if event.label == label]).reshape(-1, 2)
        for label in labels
    }


def _file_steps(
    frames: FrameScores, index: int, times: Mapping[str, NDArray[np.float64]], labels: tuple[str, ...], scenario: Scenario
) -> NDArray[np.float64]:
    """(P, 3 + K): threshold, references found, false positives, cross triggers by label, for each threshold that the file's
    scores offer.

    Row p holds for thresholds just under its own: frames with score >= row[0] are active. Rows fall in threshold.
    """
    column = frames.scores[:, index]
    thresholds = np.unique(column)[::-1]
    levels, detections = _detections(column, thresholds, np.asarray(frames.times, dtype=np.float64))
    lengths = detections[:, 1] - detections[:, 0]
    shared = overlaps(detections, times[labels[index]])
    relevant = shared.sum(1) >= scenario.detection_share * lengths - TOLERANCE
    covered = np.zeros((len(thresholds), shared.shape[1]))
    np.add.at(covered, levels[relevant], shared[relevant])
    wanted = times[labels[index]]
    steps = np.zeros((len(thresholds), 3 + len(labels)))
    steps[:, 0] = thresholds
    steps[:, 1] = (covered >= scenario.reference_share * (wanted[:, 1] - wanted[:, 0]) - TOLERANCE).sum(1)
    steps[:, 2] = np.bincount(levels[~relevant], minlength=len(thresholds))
    if scenario.cross_share is not None:
        for other, label in enumerate(labels):
            if other != index and len(times[label]):
                touched = overlaps(detections, times[label]).sum(1) >= scenario.cross_share * lengths - TOLERANCE
                steps[:, 3 + other] = np.bincount(levels[touched & ~relevant], minlength=len(thresholds))
    return steps


def _detections(
    column: NDArray[np.floating], thresholds: NDArray[np.floating], times: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """All detections at all thresholds at once: index of the threshold (M,), (onset, offset) (M, 2) in seconds."""
    active = np.zeros((len(thresholds), len(column) + 1), dtype=np.bool_)
    active[:, :-1] = column >= thresholds[:, None]
    # One flat run search: the False column at each row's end keeps rows apart.
    starts, stops = runs(active.ravel())
    levels, width = starts // active.shape[1], active.shape[1]
    return levels, np.stack([times[starts % width], times[stops - levels * width]], axis=1)


def _pooled(steps: list[NDArray[np.float64]], labels: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """References found (P,), false positives (P,), cross triggers (P, K), summed over files, one row per threshold, falling."""
    changes = []
    for step in steps:
        change = np.diff(step[:, 1:], axis=0, prepend=np.zeros((1, 2 + labels)))
        changes.append(np.concatenate([step[:, :1], change], axis=1))
    table = np.concatenate(changes)
    table = table[np.argsort(-table[:, 0], kind="stable")]
    totals = np.cumsum(table[:, 1:], axis=0)
    last = np.append(np.diff(table[:, 0]) != 0, True)
    totals = totals[last]
    return totals[:, 0], totals[:, 1], totals[:, 2:]


def _curve(rates: NDArray[np.float64], found: NDArray[np.float64]) -> LabelCurve:
    """The staircase of best points: a user may choose any threshold, so more false alarms never find less."""
    order = np.lexsort((-found, rates))
    best = np.maximum.accumulate(found[order])
    keep = np.diff(best, prepend=-1.0) > 0
    return LabelCurve(rates[order][keep], best[keep])


def _at(curve: LabelCurve, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share found at each rate (right-continuous staircase); nothing is found below the first point."""
    index = np.searchsorted(curve.rates, rates + 1e-9, side="right") - 1
    return np.where(index >= 0, curve.found[np.maximum(index, 0)], 0.0)
