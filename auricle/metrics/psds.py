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

`count_file` reduces a file to what PSDS needs of it, and `Pool` computes PSDS of any resample of such files.

Metrics: `psds` with a `Scenario`; `SCENARIO_1` rewards exact times, `SCENARIO_2` penalises confused labels (DCASE task 4 since 2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.metrics.curves import step_area
from auricle.metrics.detection import TOLERANCE, Events, overlaps, validate_durations, validate_times
from auricle.metrics.frames import FrameScores, runs
from auricle.metrics.resampled import Metric

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
    pool, everything = _pool(scores, reference, durations, scenario)
    return pool.psds(everything)


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
    pool, everything = _pool(scores, reference, durations, scenario)
    labels = next(iter(scores.values())).labels
    return dict(zip(labels, pool.curves(everything), strict=True))


@dataclass(frozen=True, eq=False)
class FileCounts:
    """What one file adds to the counts of a scenario, from the highest threshold down; all that PSDS needs of it.

    steps (P, 4): index of a label, threshold, and by how much the numbers of detected references and of false positives change there; rows
    in which neither changes, nor a cross trigger, are left out. cross (C, 3): index of the step, index of another label, and by how much
    the number of cross triggers of that label changes. references (K, 2): number of references of each label and their seconds.
    """

    steps: NDArray[np.float64]
    cross: NDArray[np.float64]
    references: NDArray[np.float64]
    duration: float


def count_file(frames: FrameScores, reference: Sequence[Event], duration: float, scenario: Scenario) -> FileCounts:
    """Count one file. reference: its events, of labels of the scores, inside it. duration: seconds."""
    labels = tuple(frames.labels)
    times = {label: np.array([(one.onset, one.offset) for one in reference if one.label == label]).reshape(-1, 2) for label in labels}
    steps, cross = [np.zeros((0, 4))], [np.zeros((0, 3))]
    count = 0
    present = [index for index, label in enumerate(labels) if len(times[label])]
    for index in range(len(labels)):
        others = np.array([other for other in present if other != index], dtype=np.intp)
        changes = _file_changes(frames, index, times, [labels[other] for other in others], scenario)
        changes = changes[changes[:, 1:].any(axis=1)]
        steps.append(np.insert(changes[:, :3], 0, index, axis=1))
        rows, columns = np.nonzero(changes[:, 3:])
        cross.append(np.stack([rows + count, others[columns], changes[:, 3:][rows, columns]], axis=1))
        count += len(changes)
    references = np.array([(len(one), float(np.diff(one).sum())) for one in times.values()]).reshape(-1, 2)
    return FileCounts(np.concatenate(steps), np.concatenate(cross), references, duration)


def resampled(files: Sequence[FileCounts], scenario: Scenario) -> Metric:
    """PSDS as a function of files, for resampling; labels without a reference in the drawn files are left out."""
    pool = Pool(files, scenario)

    def statistic(sample: NDArray[np.intp]) -> float:
        times = np.bincount(sample, minlength=len(files))
        return pool.psds(times, np.flatnonzero(times @ pool.references))

    return Metric(np.arange(len(files)), statistic)


@dataclass(frozen=True, eq=False)
class _LabelSteps:
    """Steps (P,) of one label in all files, sorted by falling threshold. last: whether a step is the last of its threshold.

    cross (C, 4): index of the step, index of another label, file, change.
    """

    file: NDArray[np.intp]
    detected: NDArray[np.float64]
    false: NDArray[np.float64]
    last: NDArray[np.bool_]
    cross: NDArray[np.float64]


class Pool:
    """The counts of N files, from which PSDS is computed for any resample, given as how often each file occurs."""

    def __init__(self, files: Sequence[FileCounts], scenario: Scenario) -> None:
        self._scenario = scenario
        self._references = np.stack([one.references for one in files])
        self._durations = np.array([one.duration for one in files])
        steps = np.concatenate([np.insert(one.steps, 0, index, axis=1) for index, one in enumerate(files)])
        offsets = np.cumsum([0, *(len(one.steps) for one in files)])
        cross = [
            np.concatenate([one.cross + np.array([offset, 0, 0]), np.full((len(one.cross), 1), index)], axis=1)
            for index, (one, offset) in enumerate(zip(files, offsets[:-1], strict=True))
        ]
        self._labels = [_label_steps(steps, np.concatenate(cross), label) for label in range(self._references.shape[1])]

    @property
    def references(self) -> NDArray[np.float64]:
        """Number of references of each label in each file (N, K)."""
        return np.asarray(self._references[:, :, 0])

    def psds(self, times: NDArray[np.integer], labels: Sequence[int] | NDArray[np.integer] | None = None) -> float:
        """PSDS where file i occurs times[i] times, over the labels with these indices, by default all; nan for none."""
        curves = self.curves(times, labels, most=self._scenario.max_efpr)
        if not curves:
            return float("nan")
        rates = np.unique(np.concatenate([[0.0], *(curve.efpr for curve in curves)]))
        tpr = np.stack([_interpolate(curve, rates) for curve in curves])
        effective = np.maximum(tpr.mean(0) - self._scenario.alpha_st * tpr.std(0), 0.0)
        return step_area(rates, effective, self._scenario.max_efpr) / self._scenario.max_efpr

    def curves(
        self, times: NDArray[np.integer], labels: Sequence[int] | NDArray[np.integer] | None = None, *, most: float = np.inf
    ) -> list[LabelCurve]:
        """Curve of each of these labels, up to `most` false positives an hour."""
        chosen = np.arange(len(self._labels)) if labels is None else np.asarray(labels, dtype=np.intp)
        seconds = float(times @ self._durations)
        events, lengths = np.tensordot(times, self._references, axes=1).T
        weights = np.zeros(len(self._labels))  # of a cross trigger of each label, in false positives an hour
        weights[chosen] = self._scenario.alpha_ct * HOUR / max(len(chosen) - 1, 1) / np.maximum(lengths[chosen], 1e-12)
        curves = []
        for index in chosen:
            steps = self._labels[index]
            drawn = times[steps.file]
            rate = np.cumsum(drawn * steps.false) * (HOUR / seconds)
            if len(steps.cross):
                step, other, file, change = steps.cross.T
                added = change * times[file.astype(np.intp)] * weights[other.astype(np.intp)]
                rate += np.cumsum(np.bincount(step.astype(np.intp), weights=added, minlength=len(rate)))
            inside = steps.last & (rate <= most)
            curves.append(_curve(rate[inside], np.cumsum(drawn * steps.detected)[inside] / max(events[index], 1)))
        return curves


def _label_steps(steps: NDArray[np.float64], cross: NDArray[np.float64], label: int) -> _LabelSteps:
    """steps (P, 5): file, then as in FileCounts; cross (C, 4): as in FileCounts, then file."""
    rows = np.flatnonzero(steps[:, 1] == label)
    rows = rows[np.argsort(-steps[rows, 2], kind="stable")]
    position = np.full(len(steps), -1)
    position[rows] = np.arange(len(rows))
    own = cross[position[cross[:, 0].astype(np.intp)] >= 0]
    own = np.stack([position[own[:, 0].astype(np.intp)], own[:, 1], own[:, 3], own[:, 2]], axis=1)
    last = np.append(np.diff(steps[rows, 2]) != 0, True)[: len(rows)]
    return _LabelSteps(steps[rows, 0].astype(np.intp), steps[rows, 3], steps[rows, 4], last, own)


def _pool(
    scores: Mapping[str, FrameScores], reference: Events, durations: Mapping[str, float], scenario: Scenario
) -> tuple[Pool, NDArray[np.int64]]:
    """The counts of all files, and that each occurs once."""
    validate(scores, reference, durations)
    files = [count_file(frames, reference[file], durations[file], scenario) for file, frames in scores.items()]
    return Pool(files, scenario), np.ones(len(files), dtype=np.int64)


def _file_changes(
    frames: FrameScores, index: int, times: Mapping[str, NDArray[np.float64]], others: Sequence[str], scenario: Scenario
) -> NDArray[np.float64]:
    """(P, 3 + O): each distinct score of the file as a threshold, falling, and the changes of the counts there.

    The counts are of detected references, false positives, and cross triggers of O other labels. Frames with score >= threshold are active.
    """
    column, truth = frames.scores[:, index], times[frames.labels[index]]
    thresholds = np.unique(column)[::-1]
    levels, detections = _detections(column, thresholds, np.asarray(frames.times, dtype=np.float64))
    lengths = detections[:, 1] - detections[:, 0]
    shared = overlaps(detections, truth)
    relevant = shared.sum(1) >= scenario.dtc_threshold * lengths - TOLERANCE
    covered = np.zeros((len(thresholds), shared.shape[1]))
    np.add.at(covered, levels[relevant], shared[relevant])
    steps = np.zeros((len(thresholds), 3 + len(others)))
    steps[:, 0] = thresholds
    steps[:, 1] = (covered >= scenario.gtc_threshold * (truth[:, 1] - truth[:, 0]) - TOLERANCE).sum(1)
    steps[:, 2] = np.bincount(levels[~relevant], minlength=len(thresholds))
    if scenario.cttc_threshold is not None:
        for place, label in enumerate(others):
            cross = overlaps(detections, times[label]).sum(1) >= scenario.cttc_threshold * lengths - TOLERANCE
            steps[:, 3 + place] = np.bincount(levels[cross & ~relevant], minlength=len(thresholds))
    steps[:, 1:] = np.diff(steps[:, 1:], axis=0, prepend=0.0)
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


def _curve(rates: NDArray[np.float64], tpr: NDArray[np.float64]) -> LabelCurve:
    """Upper envelope of the operating points: any threshold may be chosen, so a higher rate never has a lower tpr."""
    order = np.lexsort((-tpr, rates))
    best = np.maximum.accumulate(tpr[order])
    keep = np.diff(best, prepend=-1.0) > 0
    return LabelCurve(rates[order][keep], best[keep])


def _interpolate(curve: LabelCurve, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """True positive rate at each rate (right-continuous step function); 0 below the first point."""
    index = np.searchsorted(curve.efpr, rates + 1e-9, side="right")
    return np.append(0.0, curve.tpr)[index]
