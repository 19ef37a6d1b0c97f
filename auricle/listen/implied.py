"""Which answers follow from narrower ones: animal from dog. People's output leaves them out; JSON says by what they are implied."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from auricle.core.config import Output
from auricle.core.records import Event, Label
from auricle.listen.scores import implying_labels

#: Share of an event that events of narrower labels cover where they imply it.
COVERED = 0.8


def narrower_labels(output: Output | None) -> dict[str, frozenset[str]]:
    """Label -> the labels that imply it, such as animal -> dog, cat."""
    if output is None:
        return {}
    labels = output.labels
    return {labels[index]: frozenset(labels[other] for other in others) for index, others in implying_labels(output).items()}


def mark_labels(labels: Sequence[Label], narrower: Mapping[str, frozenset[str]], *, guessed: bool = False) -> tuple[Label, ...]:
    """Labels, best first, in which a present one that a narrower present one implies has its name. guessed: of labels that come close."""
    there = [label.label for label in labels if label.present or guessed]
    found = []
    for label in labels:
        own = narrower.get(label.label, frozenset())
        by = next((name for name in there if name in own), None) if label.label in there else None
        found.append(label if by is None else dataclasses.replace(label, implied_by=by))
    return tuple(found)


def mark_events(events: Sequence[Event], narrower: Mapping[str, frozenset[str]]) -> tuple[Event, ...]:
    """Events in which one that events of narrower labels cover, by COVERED, has the label that covers most of it."""
    times: dict[str, np.ndarray] = {}
    for label in dict.fromkeys(event.label for event in events):
        times[label] = np.array([(event.onset, event.offset) for event in events if event.label == label])
    found = []
    for event in events:
        own = sorted(narrower.get(event.label, frozenset()) & times.keys())
        covered = {name: _inside(times[name], event) for name in own}
        by = max(own, key=lambda name: sum(stop - start for start, stop in covered[name]), default=None)
        together = _length([span for spans in covered.values() for span in spans])
        implied = by is not None and together >= COVERED * (event.offset - event.onset)
        found.append(dataclasses.replace(event, implied_by=by) if implied else event)
    return tuple(found)


def _inside(times: np.ndarray, event: Event) -> list[tuple[float, float]]:
    """The parts of rising intervals (E, 2) that lie in an event."""
    first, last = np.searchsorted(times[:, 1], event.onset, side="right"), np.searchsorted(times[:, 0], event.offset)
    return [(max(start, event.onset), min(stop, event.offset)) for start, stop in times[first:last].tolist()]


def _length(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds that intervals cover together."""
    total, reached = 0.0, -np.inf
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    return total
