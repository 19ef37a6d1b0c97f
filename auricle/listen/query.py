"""Query labels: what is scored in every recording of a batch besides tags and events, and the scores of one recording."""

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

#: A function from the unit vector (D,) of a window to the scores (n,) of n texts.
TextScorer = Callable[[np.ndarray], np.ndarray]


@runtime_checkable
class HeadScores(Protocol):
    """A classifier on similarity embeddings, whose labels are scored too: fitted heads (listen.heads)."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The K labels."""

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities (K,) of a similarity embedding of unit length (E,); a label is present from 0.5."""


@dataclasses.dataclass(frozen=True, eq=False)
class Query:
    """Query labels. labels: in the order given. indices: of the model's own label that each one means, None for any other text.

    text_scorer: scores those other texts. heads: fitted heads, whose labels come last. unread: labels that the tokenizer cannot encode.
    negated: labels that deny a sound, which are not scored.
    """

    labels: tuple[str, ...] = ()
    indices: tuple[int | None, ...] = ()
    text_scorer: TextScorer | None = None
    heads: HeadScores | None = None
    unread: tuple[str, ...] = ()
    negated: tuple[str, ...] = ()


class QueryScores:
    """Scores of a query in one recording: the maximum of each label over the windows, and the stretches in which it is present."""

    def __init__(self, query: Query, config: ModelConfig, clip_thresholds: np.ndarray) -> None:
        self._query, self._config, self._clip_thresholds = query, config, clip_thresholds
        self._is_text = np.array([index is None for index in query.indices], bool)
        heads = () if query.heads is None else query.heads.labels
        self._names = (*query.labels, *heads)
        self._scores = np.zeros(len(self._names), np.float32)
        self._times: list[list[tuple[float, float]]] = [[] for _ in self._names]

    def add(self, window: WindowResult) -> None:
        """Add the next window, in order."""
        if not self._names or not window.sounding:
            return
        scores, present = self._score(window)
        np.maximum(self._scores, scores, out=self._scores)
        plan = self._config.window
        onset = window.start + (plan.context if window.start else 0.0)
        offset = window.start + (window.seconds if window.last else plan.hop + plan.context)
        for index in np.flatnonzero(present):
            times = self._times[index]
            joins = bool(times) and onset - times[-1][1] < 1 / self._config.frame_rate
            times[-1:] = [(times[-1][0], offset)] if joins else [*times[-1:], (onset, offset)]

    def _score(self, window: WindowResult) -> tuple[np.ndarray, np.ndarray]:
        """Scores (n,) of one window, and which labels are present in it, bool (n,)."""
        query, count = self._query, len(self._query.labels)
        scores, present = np.zeros(len(self._names), np.float32), np.zeros(len(self._names), bool)
        if query.text_scorer is not None and window.vector is not None:
            scores[:count][self._is_text] = query.text_scorer(window.vector)
            present[:count] = self._is_text & (scores[:count] >= text_threshold(self._config))
        tags = tagging.present(window.clip, self._clip_thresholds, exclusive=self._config.activation == "softmax")
        for position, index in enumerate(query.indices):
            if index is not None:
                present[position] = tags[index]
        if query.heads is not None and window.similarity is not None:
            scores[count:] = query.heads.scores(window.similarity)
            present[count:] = scores[count:] >= 0.5
        return scores, present

    def answers(self, tags: Sequence[Label], events: Sequence[Event], *, silent: bool) -> tuple[Label, ...]:
        """One Label per query label. One that means a label of the model has the score of its tag, and the times of its events if any."""
        trained = {tag.label: tag for tag in tags}
        answers = []
        for position, name in enumerate(self._names):
            index = self._query.indices[position] if position < len(self._query.indices) else None
            times = self._times[position]
            if index is not None:
                tag = trained[self._config.labels[index]]
                times = [(event.onset, event.offset) for event in events if event.label == tag.label] or times
                answer = dataclasses.replace(tag, label=name, scored_by="label", named=tag.label)
            else:
                is_head = position >= len(self._query.labels)
                score = float(self._scores[position])
                present = score >= (0.5 if is_head else text_threshold(self._config)) and not silent
                answer = Label(name, score, present, scored_by="head" if is_head else "text")
            answers.append(dataclasses.replace(answer, times=tuple(times)) if answer.present else answer)
        return tuple(answers)
