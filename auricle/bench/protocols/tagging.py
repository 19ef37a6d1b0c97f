"""Multi-label tagging: scores of all labels for each clip.

Scores come from the labels' text embeddings (cosines of windows, aggregated by the suite's rule), or from the model's own head where the
suite says so. Clips are ranked by score; there is no threshold. With an ontology, truth and scores follow its hierarchy (bench.hierarchy).

Metrics (auricle.metrics.tagging): `map`, the mean of the labels' average precisions; `lwlrap`; `dprime`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.bench import hierarchy
from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import EvaluationInput, Metric, Row
from auricle.core.errors import InputError
from auricle.data.prompts import label_key
from auricle.listen.aggregation import Cosines, WindowAggregator
from auricle.listen.scale import Scale
from auricle.listen.zeroshot import ZeroShot
from auricle.metrics import tagging

_DIGITS = 5  # significant digits of stored scores


def run(inputs: EvaluationInput) -> list[Row]:
    """A row per clip: scores of all labels, and the indices of the true ones."""
    labels = suites.vocabulary(inputs.suite, inputs.items)
    scores = _head_scores(inputs, labels) if inputs.suite.answers == "labels" else _text_scores(inputs, labels)
    truth = np.array([[label in item.labels for label in labels] for item in inputs.items])
    if inputs.suite.ontology is not None:
        implies = hierarchy.implication_matrix(labels)
        truth, scores = hierarchy.add_ancestors(truth, implies), hierarchy.propagate_scores(scores, implies)
    return [
        {
            "id": item.id,
            "group": group,
            "truth": np.flatnonzero(true).tolist(),
            "scores": [float(f"{score:.{_DIGITS}g}") for score in clip_scores],
        }
        for item, group, true, clip_scores in zip(inputs.items, suites.groups(inputs.items), truth, scores, strict=True)
    ]


def _text_scores(inputs: EvaluationInput, labels: Sequence[str]) -> np.ndarray:
    head = ZeroShot(inputs.listener, [inputs.suite.words.get(label, label) for label in labels], prompt=inputs.suite.prompt)
    scorer = Cosines(head.weights, Scale(question="any", scale=1.0))
    rows = []
    for embeddings in inputs.embeddings:
        aggregator = WindowAggregator(scorer, inputs.suite.rule)
        for vector, seconds in embeddings.sounding():
            aggregator.add(vector, seconds)
        evidence = aggregator.evidence()
        rows.append(np.full(len(labels), -1.0) if evidence is None else evidence)  # a silent clip ranks below all others
    return np.stack(rows)


def _head_scores(inputs: EvaluationInput, labels: Sequence[str]) -> np.ndarray:
    own = {_normalise(label): index for index, label in enumerate(inputs.listener.labels)}
    missing = [label for label in labels if _normalise(label) not in own]
    if missing:
        raise InputError(
            f"{inputs.listener.config.name} has no label {missing[0]!r}, nor {len(missing) - 1} others of the suite {inputs.suite.name}; "
            'wanted a model that has them, or answers by "words"'
        )
    return np.stack([one.scores for one in inputs.embeddings])[:, [own[_normalise(label)] for label in labels]]


def _normalise(label: str) -> str:
    return hierarchy.normalise_name(label_key(label))


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Metrics over all clips; labels without a positive clip are left out."""
    scores = np.array([row["scores"] for row in rows], dtype=np.float64)
    truth = np.zeros(scores.shape, dtype=bool)
    for index, row in enumerate(rows):
        truth[index, row["truth"]] = True
    columns = [_Column.of(true, column) for true, column in zip(truth.T, scores.T, strict=True) if true.any()]
    labels, precisions = truth.sum(axis=1), np.nan_to_num(tagging.label_ranking_precisions(truth, scores))

    def mean_precision(sample: NDArray[np.intp]) -> float:
        times = np.bincount(sample, minlength=len(rows))
        return _mean([column.precision(times) for column in columns])

    def lwlrap(sample: NDArray[np.intp]) -> float:
        return float(precisions[sample] @ labels[sample] / labels[sample].sum()) if labels[sample].any() else float("nan")

    def dprime(sample: NDArray[np.intp]) -> float:
        times = np.bincount(sample, minlength=len(rows))
        return tagging.dprime(_mean([column.auc(times) for column in columns]))

    indices = np.arange(len(rows))
    return {"map": Metric(indices, mean_precision), "lwlrap": Metric(indices, lwlrap), "dprime": Metric(indices, dprime)}


@dataclasses.dataclass(frozen=True, eq=False)
class _Column:
    """One label's clips sorted by falling score, so that resamples, given as counts of clips, need no sorting.

    order (N,): indices of clips. truth (N,): of the sorted clips, 0 or 1. last (N,): whether a clip is the last of its score.
    """

    order: NDArray[np.intp]
    truth: NDArray[np.int64]
    last: NDArray[np.bool_]

    @staticmethod
    def of(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> _Column:
        order = np.argsort(-scores, kind="stable")
        return _Column(order, truth[order].astype(np.int64), np.append(np.diff(scores[order]) != 0, True))

    def steps(self, times: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of positives and of clips at or above each score, where clip i occurs times[i] times."""
        drawn = times[self.order]
        return np.cumsum(drawn * self.truth)[self.last], np.cumsum(drawn)[self.last]

    def precision(self, times: NDArray[np.int64]) -> float:
        """Average precision as in auricle.metrics.curves, for clip counts times (N,)."""
        hits, ranks = self.steps(times)
        if not hits[-1]:
            return float("nan")
        return float((np.diff(hits, prepend=0) * hits / np.maximum(ranks, 1)).sum() / hits[-1])

    def auc(self, times: NDArray[np.int64]) -> float:
        """Area under the ROC curve as in auricle.metrics.curves, for clip counts times (N,)."""
        hits, ranks = self.steps(times)
        if not hits[-1] or hits[-1] == ranks[-1]:
            return float("nan")
        missed = ranks - hits
        return float(np.trapezoid(np.append(0, hits), np.append(0, missed)) / (hits[-1] * missed[-1]))


def _mean(values: Sequence[float]) -> float:
    valid = [value for value in values if not np.isnan(value)]
    return float(np.mean(valid)) if valid else float("nan")
