"""Slow, plain versions kept on purpose: the fast ones are held to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, permutations

import numpy as np

from auricle.core.records import Event
from auricle.metrics.frames import FrameScores
from auricle.metrics.psds import HOUR, Scenario


def average_precision(truth: Sequence[bool], scores: Sequence[float]) -> float:
    """Mean over positives of the precision among all items that score as much or more."""
    precisions = []
    for wanted, score in zip(truth, scores, strict=True):
        if wanted:
            above = [other for other, value in zip(truth, scores, strict=True) if value >= score]
            precisions.append(sum(above) / len(above))
    return float(np.mean(precisions)) if precisions else float("nan")


def largest_matching(allowed: np.ndarray) -> int:
    """Tries every assignment."""
    rows, columns = allowed.shape
    if rows > columns:
        return largest_matching(allowed.T)
    return max(sum(allowed[row, column] for row, column in enumerate(order)) for order in permutations(range(columns), rows))


def psds(
    scores: Mapping[str, FrameScores],
    reference: Mapping[str, Sequence[Event]],
    durations: Mapping[str, float],
    scenario: Scenario,
) -> float:
    """One threshold after the other, one event after the other."""
    labels = list(next(iter(scores.values())).labels)
    hours = sum(durations.values()) / HOUR
    points = {label: [(0.0, 0.0)] for label in labels}
    thresholds = sorted({float(value) - 1e-12 for frames in scores.values() for value in frames.scores.ravel()})
    for label in labels:
        others = [other for other in labels if other != label]
        wanted = sum(event.label == label for events in reference.values() for event in events)
        for threshold in thresholds:
            found = false = 0
            crossed = dict.fromkeys(others, 0)
            for file, frames in scores.items():
                detections = [event for event in frames.events(threshold) if event.label == label]
                truth = [event for event in reference[file] if event.label == label]
                good = [event for event in detections if _shared(event, truth) >= scenario.dtc_threshold * _length(event) - 1e-9]
                bad = [event for event in detections if event not in good]
                found += sum(_shared(event, good) >= scenario.gtc_threshold * _length(event) - 1e-9 for event in truth)
                false += len(bad)
                for other in others:
                    strangers = [event for event in reference[file] if event.label == other]
                    if scenario.cttc_threshold is not None and strangers:
                        crossed[other] += sum(_shared(event, strangers) >= scenario.cttc_threshold * _length(event) - 1e-9 for event in bad)
            rate = false / hours
            for other in others:
                length = sum(_length(event) for events in reference.values() for event in events if event.label == other)
                rate += scenario.alpha_ct * crossed[other] / max(length / HOUR, 1e-12) / len(others)
            points[label].append((rate, found / max(wanted, 1)))
    rates = [*sorted({rate for curve in points.values() for rate, _ in curve if rate < scenario.max_efpr}), scenario.max_efpr]
    area = 0.0
    for low, high in pairwise(rates):
        shares = [max(share for rate, share in curve if rate <= low + 1e-9) for curve in points.values()]
        area += (high - low) * max(float(np.mean(shares) - scenario.alpha_st * np.std(shares)), 0.0)
    return area / scenario.max_efpr


def _length(event: Event) -> float:
    return event.offset - event.onset


def _shared(event: Event, others: Sequence[Event]) -> float:
    return sum(max(min(event.offset, other.offset) - max(event.onset, other.onset), 0.0) for other in others)
