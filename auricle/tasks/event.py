"""Sound event classification: exactly one label per clip, as in ESC-50 (Piczak, ACM Multimedia 2015).

Convention: scores of any scale; the label with the highest score is chosen, the first of equal ones. A silent clip gets its best label
too, but not as present. Metric: accuracy by fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from auricle.core.config import CLIP_LOGITS, Output
from auricle.core.errors import InputError
from auricle.core.records import Label
from auricle.tasks.task import Task, Windows

if TYPE_CHECKING:
    from auricle.metrics.resampled import Metric, Row

#: Metrics of rows; the first one decides comparisons.
METRICS = ("accuracy", "macro_accuracy", "top5")
_TOP = 5

#: The label of the clip.
Target: TypeAlias = str


def encode(target: Target, labels: Sequence[str]) -> np.ndarray:
    """One label to a one-hot vector, float32 (K,). InputError for a label outside the vocabulary."""
    if target not in labels:
        raise InputError(f"label {target!r} is not among the {len(labels)} of the vocabulary")
    row = np.zeros(len(labels), np.float32)
    row[list(labels).index(target)] = 1.0
    return row


def decode(scores: np.ndarray, labels: Sequence[str], *, silent: bool = False) -> Label:
    """Scores (K,) to the best label. InputError for a wrong shape."""
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (len(labels),) or not len(labels):
        raise InputError(f"scores have shape {scores.shape} for {len(labels)} labels; wanted one per label")
    best = int(np.argmax(scores))
    return Label(labels[best], float(scores[best]), not silent)


def grade(scores: np.ndarray, truth: int) -> dict[str, float]:
    """Fields of a row for scores (K,) of a clip: `right`, `top5` and `rank` of the true label; of ties, it comes last."""
    rank = 1 + int((np.delete(scores, truth) >= scores[truth]).sum())
    return {"right": float(rank == 1), "top5": float(rank <= _TOP), "rank": rank}


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """METRICS of rows with `truth`, the label of a clip, `right` and `top5`, 0 or 1."""
    from auricle.metrics.resampled import macro, mean

    return {"accuracy": mean(rows, "right"), "macro_accuracy": macro(rows), "top5": mean(rows, "top5")}


def _row(target: Sequence[str], windows: Windows, spec: Output, duration: float) -> dict[str, object]:
    truth = next(iter(target), None)
    if truth not in spec.labels:
        raise InputError(f"label {truth!r} is not among the {len(spec.labels)} of the output")
    if not len(windows):
        return {"truth": truth, "said": None, "right": 0.0, "top5": 0.0, "score": 0.0}
    scores = windows.mean()
    best = decode(scores, spec.labels)
    return {"truth": truth, "said": best.label, **grade(scores, spec.labels.index(truth)), "score": round(best.score, 6)}


def _encode(target: Sequence[str], spec: Output, seconds: float) -> np.ndarray:
    if len(target) != 1:
        raise InputError(f"a clip has {len(target)} labels; wanted exactly one each for the task event, or the task tagging")
    return encode(target[0], spec.labels) if target[0] in spec.labels else np.full(len(spec.labels), np.nan, np.float32)


TASK = Task(
    name="event",
    about="which sound? exactly one label per recording",
    field="labels",
    kind="clip_scores",
    output=CLIP_LOGITS,
    activation="softmax",
    vocabulary=lambda targets: sorted({label for labels in targets for label in labels}),
    encode=_encode,
    decode=lambda windows, spec, duration: decode(windows.mean(), spec.labels),
    row=_row,
    metrics=metrics,
    page="docs/tasks/tagging.md",
)
