"""Which of these sounds are in the clip, any number of them?

Scores of labels come from the words for them (cosines, a window's best each where the suite's rule is max), or from the model's own head
where the suite says so; either ranks clips, nothing is thresholded. With an ontology, truth and scores follow its tree (bench.hierarchy).

Metrics (auricle.metrics.tagging): `map`, the mean of the labels' average precisions; `lwlrap`; `dprime`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.bench import hierarchy
from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import Metric, Row, Trial
from auricle.core.errors import InputError
from auricle.data.prompts import label_key
from auricle.listen.aggregation import Cosines, WindowAggregator
from auricle.listen.scale import Scale
from auricle.listen.zeroshot import ZeroShot
from auricle.metrics import tagging

_DIGITS = 5  # of a score that are kept


def run(trial: Trial) -> list[Row]:
    """A row a clip: scores of all labels, and the places of those that are true."""
    labels = suites.vocabulary(trial.suite, trial.items)
    scores = _by_head(trial, labels) if trial.suite.answers == "labels" else _by_words(trial, labels)
    truth = np.array([[label in item.labels for label in labels] for item in trial.items])
    if trial.suite.ontology is not None:
        implies = hierarchy.implied(labels)
        truth, scores = hierarchy.closed(truth, implies), hierarchy.raised(scores, implies)
    told = zip(trial.items, suites.groups(trial.items), truth, scores, strict=True)
    return [
        {
            "id": item.id,
            "group": group,
            "truth": np.flatnonzero(true).tolist(),
            "scores": [float(f"{score:.{_DIGITS}g}") for score in found],
        }
        for item, group, true, found in told
    ]


def _by_words(trial: Trial, labels: Sequence[str]) -> np.ndarray:
    said = [trial.suite.words.get(label, label) for label in labels]
    head = ZeroShot(trial.listener, said, prompt=trial.suite.prompt)
    judge = Cosines(head.weights, Scale(question="any", scale=1.0))
    rows = []
    for heard in trial.heard:
        gathering = WindowAggregator(judge, trial.suite.rule)
        for vector, seconds in heard.sounding():
            gathering.add(vector, seconds)
        evidence = gathering.evidence()
        rows.append(np.full(len(labels), -1.0) if evidence is None else evidence)  # nothing sounds: below all that does
    return np.stack(rows)


def _by_head(trial: Trial, labels: Sequence[str]) -> np.ndarray:
    own = {_spelt(label): place for place, label in enumerate(trial.listener.labels)}
    missing = [label for label in labels if _spelt(label) not in own]
    if missing:
        raise InputError(
            f"{trial.listener.config.name} has no label {missing[0]!r}, nor {len(missing) - 1} others of the suite {trial.suite.name}; "
            'wanted a model that has them, or answers by "words"'
        )
    return np.stack([heard.scores for heard in trial.heard])[:, [own[_spelt(label)] for label in labels]]


def _spelt(label: str) -> str:
    return hierarchy.plain(label_key(label))


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Of all clips; a label without a positive clip is left out."""
    scores = np.array([row["scores"] for row in rows], dtype=np.float64)
    truth = np.zeros(scores.shape, dtype=bool)
    for place, row in enumerate(rows):
        truth[place, row["truth"]] = True
    columns = [_Column.of(true, found) for true, found in zip(truth.T, scores.T, strict=True) if true.any()]
    labels, precisions = truth.sum(axis=1), np.nan_to_num(tagging.label_ranking_precisions(truth, scores))

    def mean_precision(chosen: NDArray[np.intp]) -> float:
        times = np.bincount(chosen, minlength=len(rows))
        return _mean([column.precision(times) for column in columns])

    def weighted(chosen: NDArray[np.intp]) -> float:
        return float(precisions[chosen] @ labels[chosen] / labels[chosen].sum()) if labels[chosen].any() else float("nan")

    def separation(chosen: NDArray[np.intp]) -> float:
        times = np.bincount(chosen, minlength=len(rows))
        return tagging.dprime(_mean([column.area(times) for column in columns]))

    every = np.arange(len(rows))
    return {"map": Metric(every, mean_precision), "lwlrap": Metric(every, weighted), "dprime": Metric(every, separation)}


@dataclasses.dataclass(frozen=True, eq=False)
class _Column:
    """One label's clips from the highest score down, so that draws of clips, counted, need no sorting each.

    order (N,): clips. truth (N,): of them, as numbers. last (N,): the last clip of each score.
    """

    order: NDArray[np.intp]
    truth: NDArray[np.int64]
    last: NDArray[np.bool_]

    @staticmethod
    def of(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> _Column:
        order = np.argsort(-scores, kind="stable")
        return _Column(order, truth[order].astype(np.int64), np.append(np.diff(scores[order]) != 0, True))

    def steps(self, times: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positives and clips at or above each score, where clip i is there times[i] times."""
        drawn = times[self.order]
        return np.cumsum(drawn * self.truth)[self.last], np.cumsum(drawn)[self.last]

    def precision(self, times: NDArray[np.int64]) -> float:
        """Average precision, as auricle.metrics.curves has it."""
        hits, ranks = self.steps(times)
        if not hits[-1]:
            return float("nan")
        return float((np.diff(hits, prepend=0) * hits / np.maximum(ranks, 1)).sum() / hits[-1])

    def area(self, times: NDArray[np.int64]) -> float:
        """Area under the ROC curve, as auricle.metrics.curves has it."""
        hits, ranks = self.steps(times)
        if not hits[-1] or hits[-1] == ranks[-1]:
            return float("nan")
        missed = ranks - hits
        return float(np.trapezoid(np.append(0, hits), np.append(0, missed)) / (hits[-1] * missed[-1]))


def _mean(values: Sequence[float]) -> float:
    kept = [value for value in values if not np.isnan(value)]
    return float(np.mean(kept)) if kept else float("nan")
