"""Frame-level scores of one file, and their conversion to events by a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError
from auricle.core.records import Event


@dataclass(frozen=True, eq=False)
class FrameScores:
    """Frame-level scores of one file. InputError unless shapes fit and all values are finite.

    scores: (T, K), higher is more likely. times: (T + 1,) seconds, increasing: frame t covers [times[t], times[t + 1]). labels: K names.
    """

    scores: NDArray[np.floating]
    times: NDArray[np.floating]
    labels: Sequence[str]

    def __post_init__(self) -> None:
        expected = (len(self.times) - 1, len(self.labels))
        if self.scores.shape != expected:
            raise InputError(f"scores have shape {self.scores.shape}; wanted {expected}: one row per frame, one column per label")
        if len(self.times) < 2 or (np.diff(self.times) <= 0).any():
            raise InputError("times must increase and have at least two edges: T frames have T + 1 edges")
        if not np.isfinite(self.scores).all() or not np.isfinite(self.times).all():
            raise InputError("scores or times contain NaN or infinity; wanted finite numbers")

    def events(self, threshold: float) -> list[Event]:
        """Convert runs of frames scoring above the threshold to events, sorted by onset; an event's score is its frames' mean."""
        events = []
        for index, label in enumerate(self.labels):
            column = self.scores[:, index]
            for start, stop in zip(*runs(column > threshold), strict=True):
                score = float(column[start:stop].mean())
                events.append(Event(label, float(self.times[start]), float(self.times[stop]), score))
        return sorted(events, key=lambda event: (event.onset, event.label))


def runs(active: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Start (inclusive) and stop (exclusive) frames of each run of True in (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], active, [False]))))
    return edges[::2], edges[1::2]
