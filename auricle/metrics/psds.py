"""PSDS, the polyphonic sound detection score: detection over all thresholds up to a rate of false positives.

Convention: `FrameScores` by file, references as in `detection.py`, durations in seconds by file. All operating points are used: the
score is exact, not an approximation by a grid of thresholds (Ebbers, Serizel & Haeb-Umbach, "Threshold-Independent Evaluation of Sound
Event Detection Scores", ICASSP 2022). Definitions: Bilen et al., "A Framework for the Robust Evaluation of Sound Event Detection",
ICASSP 2020; parameters are named as in psds_eval and sed_scores_eval.

At a threshold, a run of frames over it is a detection. It is relevant when references of its label cover at least `dtc_threshold` of it,
else a false positive; a false positive that references of another label cover by at least `cttc_threshold` is also a cross trigger of
that label. A reference is detected when relevant detections cover at least `gtc_threshold` of it. Then, by label,

    effective false positive rate = false positives an hour + alpha_ct * mean over other labels of (cross triggers per hour of that label)

and over labels, at each such rate,

    effective true positive rate = mean - alpha_st * standard deviation of the true positive rate

and PSDS is the area under the effective true positive rate up to `max_efpr` false positives an hour, divided by `max_efpr`.

Metrics: `psds` with a `Scenario`; `SCENARIO_1` rewards exact times, `SCENARIO_2` penalises confused labels (DCASE task 4 since 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError
from auricle.metrics.curves import step_area
from auricle.metrics.detection import TOLERANCE, Events, overlaps, validate_durations, validate_times
from auricle.metrics.frames import FrameScores, runs

HOUR = 3600.0


@dataclass(frozen=True)
class Scenario:
    """Parameters of PSDS, see the module's docstring. Thresholds 0 to 1; max_efpr: false positives an hour."""

    dtc_threshold: float
    gtc_threshold: float
    cttc_threshold: float | None = None
    alpha_ct: float = 0.0
    alpha_st: float = 1.0
    max_efpr: float = 100.0


SCENARIO_1 = Scenario(dtc_threshold=0.7, gtc_threshold=0.7)
SCENARIO_2 = Scenario(dtc_threshold=0.1, gtc_threshold=0.1, cttc_threshold=0.3, alpha_ct=0.5)


@dataclass(frozen=True, eq=False)
class LabelCurve:
    """Highest true positive rate (tpr) at an effective false positive rate of at most efpr an hour; both (P,), increasing."""

    efpr: NDArray[np.float64]
    tpr: NDArray[np.float64]


def validate(scores: Mapping[str, FrameScores], reference: Events, durations: Mapping[str, float]) -> tuple[str, ...]:
    """Return the labels. InputError unless all have the same files and labels, and references are finite and inside their files."""
    if not scores:
        raise InputError("there are no scores; wanted at least one file")
    if scores.keys() != reference.keys() or not scores.keys() <= durations.keys():
        raise InputError("scores, reference and durations name different files; wanted the same, empty lists of events allowed")
    labels = tuple(next(iter(scores.values())).labels)
    for file, frames in scores.items():
        if tuple(frames.labels) != labels:
            raise InputError(f"{file}: labels differ from those of other files; wanted the same list in the same order")
    unknown = {event.label for events in reference.values() for event in events} - set(labels)
    if unknown:
        raise InputError(f"reference has the label {min(unknown)!r}, which the scores lack; wanted only labels of the scores")
    validate_times(reference)
    validate_durations(reference, durations)
    return labels


def psds(scores: Mapping[str, FrameScores], reference: Events, durations: Mapping[str, float], scenario: Scenario) -> float:
    """PSDS of a scenario, 0 to 1 (1 is best). durations: seconds by file. InputError as `validate`."""
    curves = list(label_curves(scores, reference, durations, scenario).values())
    rates = np.unique(np.concatenate([[0.0], *(curve.efpr for curve in curves)]))
    tpr = np.stack([_interpolate(curve, rates) for curve in curves])
    effective = np.maximum(tpr.mean(0) - scenario.alpha_st * tpr.std(0), 0.0)
    return step_area(rates, effective, scenario.max_efpr) / scenario.max_efpr


def evaluate(scores: Mapping[str, FrameScores], reference: Events, durations: Mapping[str, float]) -> dict[str, float]:
    """PSDS of both scenarios of DCASE task 4: `psds1`, `psds2`."""
    return {
        "psds1": psds(scores, reference, durations, SCENARIO_1),
        "psds2": psds(scores, reference, durations, SCENARIO_2),
    }


def label_curves(
    scores: Mapping[str, FrameScores], reference: Events, durations: Mapping[str, float], scenario: Scenario
) -> dict[str, LabelCurve]:
    """Curve of each label.

    A label that never occurs in the reference has a true positive rate of 0 and lowers the mean: leave it out of the scores.
    """
    labels = validate(scores, reference, durations)
    times = {file: _by_label(reference, file, labels) for file in scores}
    seconds = sum(durations[file] for file in scores)
    lengths = np.array([sum(float(np.diff(times[file][label]).sum()) for file in scores) for label in labels])
    events = np.array([sum(len(times[file][label]) for file in scores) for label in labels])
    curves = {}
    for index, label in enumerate(labels):
        steps = [_file_steps(scores[file], index, times[file], labels, scenario) for file in scores]
        detected, false, cross = _pool(steps, len(labels))
        rate = false / seconds * HOUR
        if scenario.cttc_threshold is not None:
            others = np.arange(len(labels)) != index
            rate = rate + scenario.alpha_ct * HOUR * (cross[:, others] / np.maximum(lengths[others], 1e-12)).mean(1)
        curves[label] = _curve(rate, detected / max(events[index], 1))
    return curves


def _by_label(reference: Events, file: str, labels: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    return {
        label: np.array([(event.onset, event.offset) for event in reference[file] if event.label == label]).reshape(-1, 2)
        for label in labels
    }


def _file_steps(
    frames: FrameScores, index: int, times: Mapping[str, NDArray[np.float64]], labels: tuple[str, ...], scenario: Scenario
) -> NDArray[np.float64]:
    """(P, 3 + K): threshold, references detected, false positives, cross triggers by label, for each distinct score of the file.

    Frames with score >= row[0] are active. Rows are sorted by falling threshold.
    """
    column = frames.scores[:, index]
    thresholds = np.unique(column)[::-1]
    levels, detections = _detections(column, thresholds, np.asarray(frames.times, dtype=np.float64))
    lengths = detections[:, 1] - detections[:, 0]
    shared = overlaps(detections, times[labels[index]])
    relevant = shared.sum(1) >= scenario.dtc_threshold * lengths - TOLERANCE
    covered = np.zeros((len(thresholds), shared.shape[1]))
    np.add.at(covered, levels[relevant], shared[relevant])
    truth = times[labels[index]]
    steps = np.zeros((len(thresholds), 3 + len(labels)))
    steps[:, 0] = thresholds
    steps[:, 1] = (covered >= scenario.gtc_threshold * (truth[:, 1] - truth[:, 0]) - TOLERANCE).sum(1)
    steps[:, 2] = np.bincount(levels[~relevant], minlength=len(thresholds))
    if scenario.cttc_threshold is not None:
        for other, label in enumerate(labels):
            if other != index and len(times[label]):
                cross = overlaps(detections, times[label]).sum(1) >= scenario.cttc_threshold * lengths - TOLERANCE
                steps[:, 3 + other] = np.bincount(levels[cross & ~relevant], minlength=len(thresholds))
    return steps


def _detections(
    column: NDArray[np.floating], thresholds: NDArray[np.floating], times: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """All detections at all thresholds at once: index of the threshold (M,), (onset, offset) (M, 2) in seconds."""
    active = np.zeros((len(thresholds), len(column) + 1), dtype=np.bool_)
    active[:, :-1] = column >= thresholds[:, None]
    # One search for runs in the flattened array: the False column at each row's end separates rows.
    starts, stops = runs(active.ravel())
    levels, width = starts // active.shape[1], active.shape[1]
    return levels, np.stack([times[starts % width], times[stops - levels * width]], axis=1)


def _pool(steps: list[NDArray[np.float64]], labels: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """References detected (P,), false positives (P,), cross triggers (P, K), summed over files, one row per threshold, falling."""
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


def _curve(rates: NDArray[np.float64], tpr: NDArray[np.float64]) -> LabelCurve:
    """Upper envelope of the operating points: any threshold may be chosen, so a higher rate never has a lower tpr."""
    order = np.lexsort((-tpr, rates))
    best = np.maximum.accumulate(tpr[order])
    keep = np.diff(best, prepend=-1.0) > 0
    return LabelCurve(rates[order][keep], best[keep])


def _interpolate(curve: LabelCurve, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """True positive rate at each rate (right-continuous step function); 0 below the first point."""
    index = np.searchsorted(curve.efpr, rates + 1e-9, side="right") - 1
    return np.where(index >= 0, curve.tpr[np.maximum(index, 0)], 0.0)
