"""Audio tagging: any number of labels per clip, also none.

Convention: the score of a label is a probability, 0 to 1; the label is present when the score reaches its threshold and the clip is not
silent. Over several windows, the score is the maximum.
Metric: mean average precision over labels (as in AudioSet: Gemmeke et al., ICASSP 2017); also lwlrap and d'.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from auricle.core.config import CLIP_LOGITS, Output
from auricle.core.errors import InputError
from auricle.core.records import Label
from auricle.tasks.task import Task, Windows, thresholds_of

if TYPE_CHECKING:
    from auricle.metrics.resampled import Metric, Row

#: Metrics of rows; the first one decides comparisons.
METRICS = ("map", "lwlrap", "dprime")

#: Fraction of its threshold from which a label is a guess, where none is present (for the accuracy see docs/tasks/tagging.md).
GUESS = 0.5
_MAX_GUESSES = 3

#: Labels of one clip.
Target: TypeAlias = Collection[str]


def encode(target: Target, labels: Sequence[str]) -> np.ndarray:
    """Labels of one clip to a multi-hot vector, float32 (K,). InputError for a label outside the vocabulary."""
    indices = {label: index for index, label in enumerate(labels)}
    unknown = sorted(set(target) - indices.keys())
    if unknown:
        raise InputError(f"label(s) {', '.join(map(repr, unknown))} are not among the {len(indices)} of the vocabulary")
    row = np.zeros(len(indices), np.float32)
    row[[indices[label] for label in target]] = 1.0
    return row


def decode(
    scores: np.ndarray,
    labels: Sequence[str],
    *,
    thresholds: np.ndarray | float = 0.5,
    silent: bool = False,
    exclusive: bool = False,
) -> tuple[Label, ...]:
    """Scores (K,) of one clip to all K labels, best first; equal scores keep the vocabulary's order. InputError for a wrong shape.

    thresholds: one, or (K,). silent: no label is present, whatever its score. exclusive: labels exclude each other, see `present`.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (len(labels),):
        raise InputError(f"scores have shape {scores.shape} for {len(labels)} labels; wanted ({len(labels)},)")
    is_present = present(scores, thresholds, exclusive=exclusive) & (not silent)
    order = np.argsort(-scores, kind="stable")
    return tuple(Label(labels[index], float(scores[index]), bool(is_present[index])) for index in order)


def guesses(scores: np.ndarray, labels: Sequence[str], *, thresholds: np.ndarray | float = 0.5) -> tuple[Label, ...]:
    """Labels whose scores (K,) reach GUESS times their thresholds, best first, at most 3; for clips without present labels."""
    near = [label for label in decode(scores, labels, thresholds=GUESS * np.asarray(thresholds)) if label.present]
    return tuple(dataclasses.replace(label, present=False) for label in near[:_MAX_GUESSES])


def present(scores: np.ndarray, thresholds: np.ndarray | float, *, exclusive: bool = False) -> np.ndarray:
    """Which of K labels are present, bool (K,): those whose score reaches the threshold.

    exclusive: of exclusive labels (a softmax) only the best one is present, whatever its score; the first of equal ones; none where all
    scores are zero.
    """
    if not exclusive:
        return np.asarray(scores >= thresholds)
    best = np.zeros(scores.shape, np.bool_)
    if scores.size and scores.max() > 0:
        best[int(scores.argmax())] = True
    return best


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """METRICS of rows with `truth`, the indices of a clip's labels, and `scores`, of all K labels."""
    from auricle.metrics import tagging

    scores = np.array([row["scores"] for row in rows], dtype=np.float64)
    truth = np.zeros(scores.shape, dtype=bool)
    for index, row in enumerate(rows):
        truth[index, row["truth"]] = True
    return tagging.resampled(truth, scores)


def combine_logits(clip: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Logits (K,) of one window: the mean of the clip head's (K,) and the maximum of the frame head's (T, K), averaged over five frames.

    The clip head recognises textures, the frame head short sounds among others; on composed scenes their mean ranks better than the clip
    head alone (docs/tasks/tagging.md).
    """
    width = min(5, len(frames))
    sums = frames[: len(frames) - width + 1].copy()  # (T - width + 1, K), over `width` frames
    for shift in range(1, width):
        sums += frames[shift : len(frames) - width + 1 + shift]
    return np.asarray(0.5 * (clip + sums.max(axis=0) / width), dtype=np.float32)


def _row(target: Target, windows: Windows, spec: Output, duration: float) -> dict[str, object]:
    scores = windows.max() if len(windows) else np.zeros(len(spec.labels))
    return {"truth": [index for index, label in enumerate(spec.labels) if label in target], "scores": [round(float(s), 6) for s in scores]}


TASK = Task(
    name="tagging",
    about="which sounds? any number of labels per recording",
    field="labels",
    kind="clip_scores",
    output=CLIP_LOGITS,
    vocabulary=lambda targets: sorted({label for labels in targets for label in labels}),
    encode=lambda target, spec, seconds: encode(set(target) & set(spec.labels), spec.labels),
    decode=lambda windows, spec, duration: decode(
        windows.max(), spec.labels, thresholds=thresholds_of(spec), exclusive=spec.activation == "softmax"
    ),
    row=_row,
    metrics=metrics,
    page="docs/tasks/tagging.md",
)
