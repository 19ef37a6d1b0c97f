"""Decoding of frame scores to events, and its thresholds, chosen by the event F1 of mixtures that a model was not trained on.

An event counts as found where onset and offset lie within the collars of metrics.detection.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from auricle.core.config import Decoding
from auricle.metrics.detection import COLLAR, TOLERANCE
from auricle.metrics.matching import maximum_matching
from auricle.tasks import detection

#: Decodings that are tried, beside that of tasks.detection.
TRIED = tuple(Decoding(smooth=smooth, hold=hold) for smooth, hold in itertools.product((0.0, 0.25, 0.5), (0.3, 0.5, 0.7, 1.0)))
THRESHOLDS = np.array([0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
_OFFSET_RATIO = 0.2  # of the length of an event
_TRUTH = Decoding(smooth=0.0, hold=1.0, shortest=0.02)


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredMixtures:
    """M mixtures of T frames with K labels.

    scores (M, T, K). present, known: bool (M, K), labels that the clip scores mark present, and those of which it is known whether they are
    there. active: bool (M, T, K), where sounds with the label by name are. rate: frames per second.
    """

    scores: np.ndarray
    present: np.ndarray
    known: np.ndarray
    active: np.ndarray
    rate: float


def fit_decoding(mixtures: ScoredMixtures, tried: Sequence[Decoding] = TRIED, *, prior: float = 10.0) -> tuple[Decoding, np.ndarray, float]:
    """The decoding with the best event F1 of all labels together, the threshold of each label (K,) with it, and this F1.

    A label's threshold is that of its best F1, to which the counts of all labels are added with the weight of `prior` events.
    """
    best: tuple[float, Decoding, np.ndarray] = (-1.0, tried[0], np.zeros(0))
    for rule in tried:
        counts = count_events(mixtures, rule)
        chosen = _best_thresholds(counts, prior)
        hits, found, events = (counts[chosen, np.arange(counts.shape[1]), part].sum() for part in range(3))
        value = 2 * float(hits) / max(float(found + events), 1.0)
        if value > best[0]:
            best = value, rule, THRESHOLDS[chosen]
    return best[1], best[2], best[0]


def count_events(mixtures: ScoredMixtures, rule: Decoding) -> np.ndarray:
    """Events that are found and right, found, and there, int (thresholds, K, 3), at each of THRESHOLDS."""
    counts = np.zeros((len(THRESHOLDS), mixtures.scores.shape[2], 3), np.int64)
    for label, scores, truth, present in _cases(mixtures):
        smoothed = detection.smooth(scores, frame_rate=mixtures.rate, rule=rule)
        plain = rule.model_copy(update={"smooth": 0.0})
        counts[:, label, 2] += len(truth)
        if not present:
            continue
        highest = smoothed.max()
        for index, threshold in enumerate(THRESHOLDS):
            if highest < threshold:
                break
            segments = detection.find_segments(smoothed, frame_rate=mixtures.rate, threshold=float(threshold), rule=plain)
            times = np.array([(one.start / mixtures.rate, one.stop / mixtures.rate) for one in segments])
            counts[index, label, :2] += _count_matches(truth, times), len(times)
    return counts


def _cases(mixtures: ScoredMixtures) -> Iterator[tuple[int, np.ndarray, np.ndarray, bool]]:
    """Label, its scores (T,), its events (E, 2) in seconds and whether it is present, for each mixture where this makes a difference."""
    there = mixtures.active.any(axis=1)
    highest = mixtures.scores.max(axis=1)
    relevant = mixtures.known & (there | (mixtures.present & (highest >= THRESHOLDS[0])))
    for mixture, label in np.argwhere(relevant).tolist():
        segments = detection.find_segments(mixtures.active[mixture, :, label], frame_rate=mixtures.rate, threshold=0.5, rule=_TRUTH)
        truth = np.array([(one.start / mixtures.rate, one.stop / mixtures.rate) for one in segments]).reshape(-1, 2)
        scores = mixtures.scores[mixture, :, label].astype(np.float32)
        yield label, scores, truth, bool(mixtures.present[mixture, label])


def _count_matches(truth: np.ndarray, found: np.ndarray) -> int:
    """Number of events (E, 2) that are found by collars."""
    if not len(truth) or not len(found):
        return 0
    late = np.maximum(COLLAR, _OFFSET_RATIO * (truth[:, 1] - truth[:, 0]))
    allowed = np.abs(truth[:, None, 0] - found[None, :, 0]) <= COLLAR + TOLERANCE
    allowed &= np.abs(truth[:, None, 1] - found[None, :, 1]) <= late[:, None] + TOLERANCE
    return len(maximum_matching(allowed))


def _best_thresholds(counts: np.ndarray, prior: float) -> np.ndarray:
    """Index of each label's threshold (K,)."""
    hits, found, events = np.moveaxis(counts.astype(np.float64), 2, 0)
    share = prior / max(float(events[0].sum()), 1.0)
    together = [part.sum(axis=1, keepdims=True) for part in (hits, found, events)]
    own = 2 * (hits + share * together[0]) / np.maximum(found + events + share * (together[1] + together[2]), 1e-9)
    return np.asarray(own.argmax(axis=0))
