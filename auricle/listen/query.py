"""QueryScores labels: what is asked of every recording of a batch besides tags and events, and the scores of it in one recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from auricle.core.config import ModelConfig
from auricle.core.records import Event, Label
from auricle.listen.pipeline import WindowResult
from auricle.listen.scores import text_threshold
from auricle.tasks import tagging

#: Scores (n,) of n texts by the unit vector (D,) of a window.
EvidenceScorer = Callable[[np.ndarray], np.ndarray]


@runtime_checkable
class HeadScores(Protocol):
    """Labels of one's own that are scored besides: fitted heads (listen.heads)."""

    @property
    def labels(self) -> tuple[str, ...]:
        """K words."""

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Unit vectors of likeness (E,) to probabilities (K,); from one half on a label is present."""


@dataclasses.dataclass(frozen=True, eq=False)
class Query:
    """Labels that are asked for. labels: in the order asked. places: of the label of the model that each names, None for other words.

    judge: scores those others by their text. heads: fitted heads, whose labels come last. unread: labels that the model cannot read.
    """

    labels: tuple[str, ...] = ()
    places: tuple[int | None, ...] = ()
    judge: EvidenceScorer | None = None
    heads: HeadScores | None = None
    unread: tuple[str, ...] = ()


class QueryScores:
    """The scores of a query in one recording, window by window: of each label the greatest, and the stretches in which it is present."""

    def __init__(self, query: Query, config: ModelConfig, clip_thresholds: np.ndarray) -> None:
        self._query, self._config, self._clip_thresholds = query, config, clip_thresholds
        self._texts = np.array([place is None for place in query.places], bool)
        heads = () if query.heads is None else query.heads.labels
        self._names = (*query.labels, *heads)
        self._scores = np.zeros(len(self._names), np.float32)
        self._times: list[list[tuple[float, float]]] = [[] for _ in self._names]

    def add(self, part: WindowResult) -> None:
        """The next window's row, in order."""
        if not self._names or not part.sounding:
            return
        scores, there = self._row(part)
        np.maximum(self._scores, scores, out=self._scores)
        window = self._config.window
        onset = part.start + (window.context if part.start else 0.0)
        offset = part.start + (part.seconds if part.last else window.hop + window.context)
        for place in np.flatnonzero(there):
            times = self._times[place]
            joins = bool(times) and onset - times[-1][1] < 1 / self._config.frame_rate
            times[-1:] = [(times[-1][0], offset)] if joins else [*times[-1:], (onset, offset)]

    def _row(self, part: WindowResult) -> tuple[np.ndarray, np.ndarray]:
        """Scores (n,) of one window, and which labels are present in it."""
        query, asked = self._query, len(self._query.labels)
        scores, there = np.zeros(len(self._names), np.float32), np.zeros(len(self._names), bool)
        if query.judge is not None and part.vector is not None:
            scores[:asked][self._texts] = query.judge(part.vector)
            there[:asked] = self._texts & (scores[:asked] >= text_threshold(self._config))
        present = tagging.present(part.clip, self._clip_thresholds, exclusive=self._config.activation == "softmax")
        for index, place in enumerate(query.places):
            if place is not None:
                there[index] = present[place]
        if query.heads is not None and part.similarity is not None:
            scores[asked:] = query.heads.scores(part.similarity)
            there[asked:] = scores[asked:] >= 0.5
        return scores, there

    def answers(self, tags: Sequence[Label], events: Sequence[Event], *, silent: bool) -> tuple[Label, ...]:
        """A Label each. One that the words name has the score of the tag, and the times of its events where it has some."""
        trained = {tag.label: tag for tag in tags}
        found = []
        for index, name in enumerate(self._names):
            place = self._query.places[index] if index < len(self._query.places) else None
            times = self._times[index]
            if place is not None:
                tag = trained[self._config.labels[place]]
                times = [(event.onset, event.offset) for event in events if event.label == tag.label] or times
                answer = dataclasses.replace(tag, label=name, scored_by="label", named=tag.label)
            else:
                head = index >= len(self._query.labels)
                score = float(self._scores[index])
                there = score >= (0.5 if head else text_threshold(self._config)) and not silent
                answer = Label(name, score, there, scored_by="head" if head else "text")
            found.append(dataclasses.replace(answer, times=tuple(times)) if answer.present else answer)
        return tuple(found)
