"""How auricle-tiny's logits become scores and decisions: fitted to what models of its recipe said of sounds that they never heard."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from auricle.core.config import CLIP_LOGITS, FRAME_LOGITS, CosineCalibration, ModelConfig
from auricle.train.calibrate import PlattScaling, fit_platt

#: Share of foreign files that may hold a false claim on the sounds that the threshold is chosen on.
FALSE_SHARE = 0.015
_CANDIDATES = np.round(np.arange(0.20, 0.96, 0.025), 3)


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledOutputs:
    """Logits of one model for sounds that it never heard, and their truth. K labels, N clips, S scenes, R files of foreign sounds.

    clip, clip_truth: (N, K). cosines: (N, K), of each clip's vector to each label's words.
    scene, scene_truth: (S, K). frames, frame_truth: (S, T, K).
    foreign: (R, K), the greatest logit over each file's windows; claims: (R, K), True where a label may not be claimed.
    """

    clip: np.ndarray
    clip_truth: np.ndarray
    cosines: np.ndarray
    scene: np.ndarray
    scene_truth: np.ndarray
    frames: np.ndarray
    frame_truth: np.ndarray
    foreign: np.ndarray
    false_positives: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Decisions:
    """How one model's logits become scores, and from which score a label counts."""

    clip: PlattScaling
    frame: PlattScaling
    clip_threshold: float
    frame_threshold: float
    text: tuple[float, float] = (8.0, -4.0)

    @staticmethod
    def plain(labels: int) -> Decisions:
        """Logits as they are, present from one half on: where a model starts."""
        line = PlattScaling(np.ones(labels, np.float32), np.zeros(labels, np.float32))
        return Decisions(line, line, 0.5, 0.5)

    def applied(self, config: ModelConfig) -> ModelConfig:
        """The config with these calibrations and thresholds."""
        lines = {CLIP_LOGITS: self.clip.to_config(), FRAME_LOGITS: self.frame.to_config()}
        count = len(self.clip.scale)
        thresholds = {CLIP_LOGITS: [self.clip_threshold] * count, FRAME_LOGITS: [self.frame_threshold] * count}
        return config.with_calibrations(lines, thresholds, CosineCalibration(scale=round(self.text[0], 4), bias=round(self.text[1], 4)))


def calibrated(heard: Sequence[LabelledOutputs]) -> Decisions:
    """Decisions fitted to what models said of sounds they never heard: lines by likelihood, thresholds by F1.

    The clip threshold is the one with the best F1 over scenes among those that keep false claims on foreign files to FALSE_SHARE.
    """
    clip = fit_platt(
        np.concatenate([part.scene for part in heard] + [part.foreign for part in heard]),
        np.concatenate([part.scene_truth for part in heard] + [~part.false_positives for part in heard]),
        mask=np.concatenate([np.ones_like(part.scene_truth) for part in heard] + [part.false_positives for part in heard]),
    )
    frames = np.concatenate([part.frames for part in heard])
    frame_truth = np.concatenate([part.frame_truth for part in heard])
    frame = fit_platt(frames[:, ::4].reshape(-1, frames.shape[-1]), frame_truth[:, ::4].reshape(-1, frames.shape[-1]))
    clip_threshold = _clip_threshold(heard, clip)
    frame_threshold = _best(frame.scores(frames), frame_truth > 0.5, _CANDIDATES)
    cosines, own = (np.concatenate([getattr(part, name) for part in heard]).reshape(-1, 1) for name in ("cosines", "clip_truth"))
    words = fit_platt(cosines, own, prior=0.0)
    return Decisions(clip, frame, clip_threshold, frame_threshold, (float(words.scale[0]), float(words.bias[0])))


def _clip_threshold(heard: Sequence[LabelledOutputs], line: PlattScaling) -> float:
    foreign = np.concatenate([np.where(part.false_positives, line.scores(part.foreign), 0.0).max(axis=1) for part in heard])
    allowed = [float(t) for t in _CANDIDATES if float((foreign >= t).mean()) <= FALSE_SHARE] or [float(_CANDIDATES[-1])]
    scores, truth = (np.concatenate([part.scene for part in heard]), np.concatenate([part.scene_truth for part in heard]))
    return _best(line.scores(scores), truth, np.array(allowed))


def _best(scores: np.ndarray, truth: np.ndarray, candidates: np.ndarray) -> float:
    """The candidate threshold with the best pooled F1."""

    def f1(threshold: float) -> float:
        said = scores >= threshold
        return float(2 * (said & truth).sum() / max(said.sum() + truth.sum(), 1))

    return float(max(candidates, key=lambda threshold: f1(float(threshold))))
