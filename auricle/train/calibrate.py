"""Decisions: logits with known truth in, calibrated lines and thresholds out, so that a score of 0.7 is right seven times in ten.

Platt scaling (Platt 1999) with one slope for all labels and an intercept a label, which a few dozen examples a label can carry.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from auricle.core.batch import LabelledOutputs
from auricle.core.config import CLIP_LOGITS, FRAME_LOGITS, CosineCalibration, LogitCalibration, ModelConfig

#: Share of foreign files that may hold a false claim on the sounds that the threshold is chosen on.
FALSE_SHARE = 0.015
_CANDIDATES = np.round(np.arange(0.20, 0.96, 0.025), 3)


@dataclasses.dataclass(frozen=True, eq=False)
class Lines:
    """score = sigmoid(scale * logit + bias), float32 (K,) each."""

    scale: np.ndarray
    bias: np.ndarray

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """Logits (..., K) to probabilities."""
        return np.asarray(0.5 * (1 + np.tanh(0.5 * (logits * self.scale + self.bias))), dtype=np.float32)

    def rounded(self) -> LogitCalibration:
        """As config.json has it: five digits after the point."""
        scale, bias = (tuple(round(float(value), 5) for value in values) for values in (self.scale, self.bias))
        return LogitCalibration(scale=scale, bias=bias)


@dataclasses.dataclass(frozen=True, eq=False)
class Decisions:
    """How one model's logits become scores, and from which score a label counts."""

    clip: Lines
    frame: Lines
    clip_threshold: float
    frame_threshold: float
    text: tuple[float, float] = (8.0, -4.0)

    @staticmethod
    def plain(labels: int) -> Decisions:
        """Logits as they are, present from one half on: where a model starts."""
        line = Lines(np.ones(labels, np.float32), np.zeros(labels, np.float32))
        return Decisions(line, line, 0.5, 0.5)

    def applied(self, config: ModelConfig) -> ModelConfig:
        """The config with these calibrations and thresholds."""
        lines = {CLIP_LOGITS: self.clip.rounded(), FRAME_LOGITS: self.frame.rounded()}
        count = len(self.clip.scale)
        thresholds = {CLIP_LOGITS: [self.clip_threshold] * count, FRAME_LOGITS: [self.frame_threshold] * count}
        return config.decided(lines, thresholds, CosineCalibration(scale=round(self.text[0], 4), bias=round(self.text[1], 4)))


def calibrated(heard: Sequence[LabelledOutputs]) -> Decisions:
    """Decisions fitted to what models said of sounds they never heard: lines by likelihood, thresholds by F1.

    The clip threshold is the one with the best F1 over scenes among those that keep false claims on foreign files to FALSE_SHARE.
    """
    clip = fit_lines(
        np.concatenate([part.scene for part in heard] + [part.foreign for part in heard]),
        np.concatenate([part.scene_truth for part in heard] + [~part.claims for part in heard]),
        mask=np.concatenate([np.ones_like(part.scene_truth) for part in heard] + [part.claims for part in heard]),
    )
    frames = np.concatenate([part.frames for part in heard])
    frame_truth = np.concatenate([part.frame_truth for part in heard])
    frame = fit_lines(frames[:, ::4].reshape(-1, frames.shape[-1]), frame_truth[:, ::4].reshape(-1, frames.shape[-1]))
    clip_threshold = _clip_threshold(heard, clip)
    frame_threshold = _best(frame.scores(frames), frame_truth > 0.5, _CANDIDATES)
    cosines, own = (np.concatenate([getattr(part, name) for part in heard]).reshape(-1, 1) for name in ("cosines", "clip_truth"))
    words = fit_lines(cosines, own, prior=0.0)
    return Decisions(clip, frame, clip_threshold, frame_threshold, (float(words.scale[0]), float(words.bias[0])))


def _clip_threshold(heard: Sequence[LabelledOutputs], line: Lines) -> float:
    foreign = np.concatenate([np.where(part.claims, line.scores(part.foreign), 0.0).max(axis=1) for part in heard])
    allowed = [float(t) for t in _CANDIDATES if float((foreign >= t).mean()) <= FALSE_SHARE] or [float(_CANDIDATES[-1])]
    scores, truth = (np.concatenate([part.scene for part in heard]), np.concatenate([part.scene_truth for part in heard]))
    return _best(line.scores(scores), truth, np.array(allowed))


def _best(scores: np.ndarray, truth: np.ndarray, candidates: np.ndarray) -> float:
    """The candidate threshold with the best pooled F1."""

    def f1(threshold: float) -> float:
        said = scores >= threshold
        return float(2 * (said & truth).sum() / max(said.sum() + truth.sum(), 1))

    return float(max(candidates, key=lambda threshold: f1(float(threshold))))


def fit_lines(logits: np.ndarray, truth: np.ndarray, *, mask: np.ndarray | None = None, prior: float = 2.0, steps: int = 30) -> Lines:
    """Lines that make truth most likely, by Newton's method on the convex logistic loss.

    logits, truth, mask: (N, K); decisions where mask is False do not count. prior: how strongly an intercept is held to the common one.
    """
    x, y = np.asarray(logits, np.float64), np.asarray(truth, np.float64)
    weight = np.ones_like(x) if mask is None else np.asarray(mask, np.float64)
    labels = x.shape[1]
    slope, common, own = 1.0, 0.0, np.zeros(labels)
    hold = np.diag(np.concatenate([[1e-6, 1e-6], np.full(labels, prior + 1e-6)]))
    for _ in range(steps):
        chance = 0.5 * (1 + np.tanh(0.5 * (slope * x + common + own)))
        gap, curve = weight * (chance - y), weight * chance * (1 - chance)
        by_label, curve_x = gap.sum(axis=0), (curve * x).sum(axis=0)
        gradient = np.concatenate([[(gap * x).sum(), by_label.sum()], by_label + prior * own])
        hessian = hold.copy()
        hessian[0, 0] += (curve * x * x).sum()
        hessian[0, 1] = hessian[1, 0] = curve_x.sum()
        hessian[1, 1] += curve.sum()
        hessian[0, 2:] = hessian[2:, 0] = curve_x
        hessian[1, 2:] = hessian[2:, 1] = curve.sum(axis=0)
        hessian[2:, 2:] += np.diag(curve.sum(axis=0))
        step = np.linalg.solve(hessian, gradient)
        step *= min(1.0, 2.0 / np.abs(step).max())  # far from the answer a full step can overshoot
        slope, common, own = slope - step[0], common - step[1], own - step[2:]
        if np.abs(step).max() < 1e-8:
            break
    return Lines(np.full(labels, slope, np.float32), (common + own).astype(np.float32))
