"""Which one of these names fits the clip? Names as rows of text vectors; the nearest wins.

Convention: a clip in which nothing sounds has no answer and counts as wrong. Metrics: `accuracy`; `macro_accuracy`, each class counting the
same; `top5`, the right name among the first five. Windows become one answer by the suite's rule, labels are said by its prompt, for both
move the figure (docs/tasks/zero-shot.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import Metric, Row, Trial, macro, mean
from auricle.listen.aggregation import Cosines, WindowAggregator
from auricle.listen.scale import Scale
from auricle.listen.zeroshot import ZeroShot

_TOP = 5


def run(trial: Trial) -> list[Row]:
    """A row a clip: its label, the label that won, the rank of its own."""
    truth, labels = suites.single(trial.items), suites.vocabulary(trial.suite, trial.items)
    head = ZeroShot(trial.listener, [trial.suite.words.get(label, label) for label in labels], prompt=trial.suite.prompt)
    head.scorer("one")  # refuses labels that are the same to the model
    judge = Cosines(head.weights, Scale(question="one", scale=1.0))
    rows: list[Row] = []
    for item, heard, label, group in zip(trial.items, trial.heard, truth, suites.groups(trial.items), strict=True):
        gathering = WindowAggregator(judge, trial.suite.rule)
        for vector, seconds in heard.sounding():
            gathering.add(vector, seconds)
        told = _told(gathering.evidence(), labels, label)
        rows.append({"id": item.id, "group": group, "truth": label, **told})
    return rows


def _told(evidence: np.ndarray | None, labels: Sequence[str], truth: str) -> Row:
    if evidence is None:
        return {"said": None, "right": 0.0, "top5": 0.0}
    own = evidence[labels.index(truth)]
    rank = 1 + int((np.delete(evidence, labels.index(truth)) >= own).sum())
    return {"said": labels[int(evidence.argmax())], "right": float(rank == 1), "top5": float(rank <= _TOP), "rank": rank}


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Of all clips."""
    return {"accuracy": mean(rows, "right"), "macro_accuracy": macro(rows), "top5": mean(rows, "top5")}
