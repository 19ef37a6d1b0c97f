"""Sound event classification: exactly one label per clip, as in ESC-50 (Piczak, ACM Multimedia 2015).

Convention: scores of any scale; the label with the highest score is chosen, the first of equal ones. A silent clip gets its best label
too, but not as present. Metric: accuracy by fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from auricle.core.errors import InputError
from auricle.core.records import Label

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


def measure(targets: Sequence[Target], scores: Sequence[np.ndarray], labels: Sequence[str]) -> float:
    """Accuracy of scores (K,) of several clips."""
    from auricle.metrics.event import accuracy

    return accuracy(np.array([list(labels).index(target) for target in targets]), np.stack(scores))
