"""Decisions of one output of a model on labelled clips, and the calibrations and thresholds that are fitted to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from auricle.core.errors import InputError
from auricle.listen.scores import softmax
from auricle.recipes.calibrating.scored import Scored
from auricle.train.calibrate import PlattScaling, fit_platt, fit_temperature, fit_thresholds

#: A label is calibrated if this many sources have it and this many do not.
LEAST_SOURCES = 5
_FITTED_FRAMES = 5_000_000  # frame decisions that a fit uses, at most; more are thinned evenly


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """score = activation(scale * logit + bias). bias, thresholds (K,): of the fitted labels; thresholds None for exclusive labels."""

    scale: float
    bias: np.ndarray
    thresholds: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False)
class Independent:
    """Decisions of one output on labels that may occur together, in N clips or frames.

    name: of the output, or "words". labels: the K that are calibrated. clip int (N,): index of the clip of each row.
    logits (N, K) before any calibration, truth bool (N, K). known: bool (N, K), False where it is not known whether the clip has the label.
    scores, thresholds (N, K), (K,): of the model as it is. shared: one bias and one threshold for all labels, as for words.
    """

    name: str
    labels: tuple[str, ...]
    clip: np.ndarray
    logits: np.ndarray
    truth: np.ndarray
    known: np.ndarray
    scores: np.ndarray
    thresholds: np.ndarray
    shared: bool = False

    def fit(self, rows: np.ndarray) -> Fit:
        """Fit to some rows, bool (N,). InputError where scores do not rise with the truth."""
        chosen = np.flatnonzero(rows)
        chosen = chosen[:: max(1, chosen.size * len(self.labels) // _FITTED_FRAMES)]
        logits, truth, known = (array[chosen] for array in (self.logits, self.truth, self.known))
        if self.shared:
            logits, truth, known = (array[known][:, None] for array in (logits, truth, known))
        fitted = fit_platt(logits, truth, mask=known, prior=0.0 if self.shared else 2.0)
        scale, bias = round(float(fitted.scale[0]), 5), np.round(fitted.bias.astype(np.float64), 5)
        if not (np.isfinite(scale) and scale > 0):
            raise InputError(f"scores of {self.name} do not rise with the truth (slope {scale:g}); they cannot be calibrated")
        thresholds = fit_thresholds(_scores(logits, scale, bias), truth, mask=known)
        count = len(self.labels)
        return Fit(scale, np.broadcast_to(bias, count).copy(), np.broadcast_to(thresholds, count).copy())

    def before(self) -> Scored:
        """The decisions as the model scores them now."""
        return Scored.of_labels(self.scores, self.truth, self.known, clip=self.clip, thresholds=self.thresholds[None])

    def after(self, fits: list[Fit], fold: np.ndarray) -> Scored:
        """The decisions as scored with a fit for each fold. fold: int (N,), the fit of each row."""
        scores, thresholds = (np.zeros(self.logits.shape, dtype) for dtype in (np.float32, np.float64))
        for index, fit in enumerate(fits):
            rows = fold == index
            scores[rows] = _scores(self.logits[rows], fit.scale, fit.bias)
            thresholds[rows] = fit.thresholds
        return Scored.of_labels(scores, self.truth, self.known, clip=self.clip, thresholds=thresholds)


@dataclasses.dataclass(frozen=True, eq=False)
class Exclusive:
    """Decisions of one output on labels that exclude each other, in N clips with W windows in all.

    name, labels, clip: as of Independent, with all labels of the output. logits (W, K) before any calibration. row, seconds (W,): the clip
    (0 to N - 1) and the length of each window. truth int (N,): the label of each clip. scale: of the model as it is.
    """

    name: str
    labels: tuple[str, ...]
    clip: np.ndarray
    logits: np.ndarray
    row: np.ndarray
    seconds: np.ndarray
    truth: np.ndarray
    scale: float

    def fit(self, rows: np.ndarray) -> Fit:
        """Fit to some rows, bool (N,)."""
        windows, order = rows[self.row], np.cumsum(rows) - 1
        scale = fit_temperature(self.logits[windows], self.truth[rows], clips=order[self.row[windows]], seconds=self.seconds[windows])
        return Fit(round(scale, 5), np.zeros(len(self.labels)), None)

    def before(self) -> Scored:
        """The decisions as the model scores them now."""
        return Scored.of_best(self._scores(self.scale), self.truth, self.clip)

    def after(self, fits: list[Fit], fold: np.ndarray) -> Scored:
        """The decisions as scored with a fit for each fold. fold: int (N,), the fit of each row."""
        each = np.stack([self._scores(fit.scale) for fit in fits])
        return Scored.of_best(each[fold, np.arange(len(fold))], self.truth, self.clip)

    def _scores(self, scale: float) -> np.ndarray:
        """Scores (N, K): the mean over windows weighted by length, as in a Listener."""
        total = np.zeros((len(self.truth), len(self.labels)))
        np.add.at(total, self.row, self.seconds[:, None] * softmax(self.logits.astype(np.float64) * scale))
        return np.asarray(total / total.sum(axis=1, keepdims=True))


Decisions: TypeAlias = Independent | Exclusive


def cross_validate(decisions: Decisions, source: np.ndarray, *, parts: int, seed: int) -> Scored:
    """Decisions scored by fits to the other parts of the clips. source: int, by clip; clips of one source are in one part."""
    sources, number = np.unique(source[decisions.clip], return_inverse=True)
    if len(sources) < 2:
        raise InputError(
            f"{decisions.name} has clips of {len(sources)} source; wanted two or more, to measure on some and fit to the others"
        )
    fold = (np.random.default_rng(seed).permutation(len(sources)) % parts)[number]
    return decisions.after([decisions.fit(fold != part) for part in range(min(parts, len(sources)))], fold)


def countable(truth: np.ndarray, known: np.ndarray, source: np.ndarray) -> Callable[[int], str]:
    """A function from a column to the reason why its label cannot be calibrated, empty where it can. Arrays (N, K), source int (N,)."""

    def reason(column: int) -> str:
        counts = [len(set(source[known[:, column] & (truth[:, column] == value)].tolist())) for value in (True, False)]
        if min(counts) >= LEAST_SOURCES:
            return ""
        return f"sources with it: {counts[0]}, without it: {counts[1]}; wanted {LEAST_SOURCES} of each"

    return reason


def _scores(logits: np.ndarray, scale: float, bias: np.ndarray) -> np.ndarray:
    return PlattScaling(np.full(bias.shape, scale, np.float32), bias.astype(np.float32)).scores(logits)
