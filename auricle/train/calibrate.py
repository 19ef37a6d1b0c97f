"""Decisions: logits with known truth in, calibrated lines and thresholds out, so that a score of 0.7 is right seven times in ten.

Platt scaling (Platt 1999) with one slope for all labels and an intercept a label, which a few dozen examples a label can carry.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from auricle.core.batch import LabelledOutputs

#: Share of foreign files that may hold a false claim on the sounds that the threshold is chosen on.
FALSE_SHARE = 0.03
_CANDIDATES = np.round(np.arange(0.30, 0.96, 0.025), 3)


@dataclasses.dataclass(frozen=True, eq=False)
class Lines:
    """score = sigmoid(scale * logit + bias), float32 (K,) each."""

    scale: np.ndarray
    bias: np.ndarray

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """Logits (..., K) to probabilities."""
        return np.asarray(0.5 * (1 + np.tanh(0.5 * (logits * self.scale + self.bias))), dtype=np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class Decisions:
    """How one model's logits become scores, and from which score a label counts."""

    clip: Lines
    frame: Lines
    clip_threshold: float
    frame_threshold: float

    @staticmethod
    def plain(labels: int) -> Decisions:
        """Logits as they are, present from one half on: where a model starts."""
        line = Lines(np.ones(labels, np.float32), np.zeros(labels, np.float32))
        return Decisions(line, line, 0.5, 0.5)

    def as_config(self, *, text: dict[str, float] | None = None, text_threshold: float = 0.5) -> dict[str, Any]:
        """The `calibration` and `threshold` parts of config.json."""
        count = len(self.clip.scale)
        lines = {
            name: {"scale": [round(float(v), 5) for v in line.scale], "bias": [round(float(v), 5) for v in line.bias]}
            for name, line in (("clip", self.clip), ("frame", self.frame))
        }
        threshold = {"clip": [self.clip_threshold] * count, "frame": [self.frame_threshold] * count, "text": text_threshold}
        return {"calibration": {**lines, "text": text or {"scale": 8.0, "bias": -4.0}}, "threshold": threshold}


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
    return Decisions(clip, frame, clip_threshold, frame_threshold)


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


def fit_lines(logits: np.ndarray, truth: np.ndarray, *, mask: np.ndarray | None = None, prior: float = 2.0) -> Lines:
    """Lines that make truth most likely.

    logits, truth, mask: (N, K); decisions where mask is False do not count. prior: how strongly an intercept is held to the common one.
    """
    x, y = torch.from_numpy(np.asarray(logits, np.float64)), torch.from_numpy(np.asarray(truth, np.float64))
    weight = torch.ones_like(x) if mask is None else torch.from_numpy(np.asarray(mask, np.float64))
    slope, common, own = (torch.zeros(size, dtype=torch.float64, requires_grad=True) for size in ((), (), (x.shape[1],)))
    optimiser = torch.optim.LBFGS([slope, common, own], max_iter=80, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        each = nn.functional.binary_cross_entropy_with_logits(x * slope.exp() + common + own, y, reduction="none")
        value = (each * weight).sum() + 0.5 * prior * own.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return Lines(np.full(x.shape[1], float(slope.exp()), np.float32), (common + own).numpy().astype(np.float32))
