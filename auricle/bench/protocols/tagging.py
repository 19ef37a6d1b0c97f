"""Multi-label tagging: scores of all labels for each clip.

Scores come from the labels' text embeddings (cosines of windows, aggregated by the suite's rule), or from the model's own head where the
suite says so. Clips are ranked by score; there is no threshold. With an ontology, truth and scores follow its hierarchy (bench.hierarchy).

Metrics: those of auricle.tasks.tagging.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auricle.bench import hierarchy
from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import EvaluationInput, own_labels
from auricle.listen.aggregation import Cosines, WindowAggregator
from auricle.listen.scale import Scale
from auricle.listen.zeroshot import ZeroShot
from auricle.metrics.resampled import Row

_DIGITS = 5  # significant digits of stored scores


def run(inputs: EvaluationInput) -> list[Row]:
    """A row per clip: scores of all labels, and the indices of the true ones."""
    labels = suites.vocabulary(inputs.suite, inputs.items)
    if inputs.suite.answers == "labels":
        scores = np.stack([one.scores for one in inputs.embeddings])[:, own_labels(inputs, labels)]
    else:
        scores = _text_scores(inputs, labels)
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
