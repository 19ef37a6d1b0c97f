"""Which sounds are in this clip? Any number of the vocabulary, none included.

Convention: a label is a plain word of the vocabulary; its score is a probability, 0 to 1; it is present when the score reaches
the label's own threshold and the clip is not silent. Over several windows, a label has its greatest score.
Metric: mean average precision over labels (as in AudioSet: Gemmeke et al., ICASSP 2017), beside lwlrap and d'.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np

from auricle.core.errors import InputError
from auricle.core.records import Label

#: Share of its threshold from which a label is a guess, where none is present (docs/tasks/tagging.md has how often the first is right).
GUESS = 0.5
_GUESSES = 3  # at most

#: The words that are true of one clip.
Target: TypeAlias = Collection[str]


def encode(target: Target, labels: Sequence[str]) -> np.ndarray:
    """Words of one clip to float32 (K,), 1 where the word is true. InputError for a word outside the vocabulary."""
    places = {label: index for index, label in enumerate(labels)}
    unknown = sorted(set(target) - places.keys())
    if unknown:
        raise InputError(f"label(s) {', '.join(map(repr, unknown))} are not among the {len(places)} of the vocabulary")
    row = np.zeros(len(places), np.float32)
    row[[places[word] for word in target]] = 1.0
    return row


def decode(
    scores: np.ndarray,
    labels: Sequence[str],
    *,
    thresholds: np.ndarray | float = 0.5,
    silent: bool = False,
    exclusive: bool = False,
) -> tuple[Label, ...]:
    """Scores (K,) of one clip to all K labels, best first; equal scores keep the vocabulary's order.

    thresholds: one, or (K,). silent: no label can be present, whatever its score. exclusive: labels exclude each other, see `present`.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (len(labels),):
        raise InputError(f"scores have shape {scores.shape} for {len(labels)} labels; wanted ({len(labels)},)")
    there = present(scores, thresholds, exclusive=exclusive) & (not silent)
    order = np.argsort(-scores, kind="stable")
    return tuple(Label(labels[index], float(scores[index]), bool(there[index])) for index in order)


def guesses(scores: np.ndarray, labels: Sequence[str], *, thresholds: np.ndarray | float = 0.5) -> tuple[Label, ...]:
    """Of a clip in which no label is present: those whose scores (K,) reach GUESS of their thresholds, best first, at most 3."""
    near = [label for label in decode(scores, labels, thresholds=GUESS * np.asarray(thresholds)) if label.present]
    return tuple(dataclasses.replace(label, present=False) for label in near[:_GUESSES])


def present(scores: np.ndarray, thresholds: np.ndarray | float, *, exclusive: bool = False) -> np.ndarray:
    """Which of K labels are present, bool (K,): those whose score reaches the threshold.

    exclusive: of labels of which one is true (a softmax), the best one alone, whatever its score; the first of equals; none where all
    scores are zero.
    """
    if not exclusive:
        return np.asarray(scores >= thresholds)
    there = np.zeros(scores.shape, np.bool_)
    if scores.size and scores.max() > 0:
        there[int(scores.argmax())] = True
    return there


def measure(targets: Sequence[Target], scores: Sequence[np.ndarray], labels: Sequence[str]) -> float:
    """Mean average precision of scores (K,) of several clips."""
    from auricle.metrics.tagging import mean_average_precision

    return mean_average_precision(np.stack([encode(target, labels) for target in targets]) > 0, np.stack(scores))


def evidence(clip: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Logits (K,) that one window holds each label: the mean of the clip head's (K,) and the frame head's (T, K) at its best moment.

    A moment is five frames. The clip head knows textures, the frame head a short sound among others; on composed scenes the two
    together rank better than the clip head alone (docs/tasks/tagging.md).
    """
    width = min(5, len(frames))
    moments = frames[: len(frames) - width + 1].copy()  # (T - width + 1, K), sums of width frames
    for shift in range(1, width):
        moments += frames[shift : len(frames) - width + 1 + shift]
    return np.asarray(0.5 * (clip + moments.max(axis=0) / width), dtype=np.float32)
