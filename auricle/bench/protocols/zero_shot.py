"""Zero-shot classification: the label whose text embedding is nearest to the clip.

Convention: a silent clip has no prediction and counts as wrong. The suite fixes the aggregation of windows and the prompt of labels, since
both change the result (docs/tasks/zero-shot.md). Metrics: those of auricle.tasks.event.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import EvaluationInput
from auricle.listen.aggregation import Cosines, WindowAggregator
from auricle.listen.scale import Scale
from auricle.listen.zeroshot import ZeroShot
from auricle.metrics.resampled import Row
from auricle.tasks import event


def run(inputs: EvaluationInput) -> list[Row]:
    """A row per clip: its label (`truth`), the predicted one (`said`), and the rank of its own."""
    truth, labels = suites.single_labels(inputs.items), suites.vocabulary(inputs.suite, inputs.items)
    head = ZeroShot(inputs.listener, [inputs.suite.words.get(label, label) for label in labels], prompt=inputs.suite.prompt)
    head.scorer("one")  # refuses labels with equal text embeddings
    scorer = Cosines(head.weights, Scale(question="one", scale=1.0))
    rows: list[Row] = []
    for item, embeddings, label, group in zip(inputs.items, inputs.embeddings, truth, suites.groups(inputs.items), strict=True):
        aggregator = WindowAggregator(scorer, inputs.suite.rule)
        for vector, seconds in embeddings.sounding():
            aggregator.add(vector, seconds)
        rows.append({"id": item.id, "group": group, "truth": label, **_rank(aggregator.evidence(), labels, label)})
    return rows


def _rank(evidence: np.ndarray | None, labels: Sequence[str], truth: str) -> Row:
    if evidence is None:
        return {"said": None, "right": 0.0, "top5": 0.0}
    return {"said": labels[int(evidence.argmax())], **event.grade(evidence, labels.index(truth))}
