"""Calibration and thresholds of auricle-tiny, fitted to outputs of its fold models on held-out sounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from auricle.core.config import CLIP_LOGITS, FRAME_LOGITS, CosineCalibration, ModelConfig
from auricle.train.calibrate import PlattScaling, f1_curves, fit_platt

#: Largest share of out-of-domain files with a false positive that the clip threshold may have, on the sounds that it is fitted to.
FALSE_POSITIVE_SHARE = 0.015
_THRESHOLDS = np.round(np.arange(0.20, 0.96, 0.025), 3)


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledOutputs:
    """Outputs of one model on held-out sounds, with targets. K labels, N clips, S scenes, R out-of-domain files.

    clip, clip_truth: (N, K). cosines: (N, K), of each clip's embedding with each label's text embedding.
    scene, scene_truth: (S, K). frames, frame_truth: (S, T, K).
    out_of_domain: (R, K), maximum logit over each file's windows. absent: bool (R, K), True where the label would be a false positive.
    """

    clip: np.ndarray
    clip_truth: np.ndarray
    cosines: np.ndarray
    scene: np.ndarray
    scene_truth: np.ndarray
    frames: np.ndarray
    frame_truth: np.ndarray
    out_of_domain: np.ndarray
    absent: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Decisions:
    """Calibration of one model's logits and cosines, and the thresholds of its scores. text: scale and bias for cosines."""

    clip: PlattScaling
    frame: PlattScaling
    clip_threshold: float
    frame_threshold: float
    text: tuple[float, float] = (8.0, -4.0)

    def applied(self, config: ModelConfig) -> ModelConfig:
        """The config with these calibrations and thresholds."""
        calibrations = {CLIP_LOGITS: self.clip.to_config(), FRAME_LOGITS: self.frame.to_config()}
        count = len(self.clip.scale)
        thresholds = {CLIP_LOGITS: [self.clip_threshold] * count, FRAME_LOGITS: [self.frame_threshold] * count}
        return config.with_calibrations(
            calibrations, thresholds, CosineCalibration(scale=round(self.text[0], 4), bias=round(self.text[1], 4))
        )


def fit_decisions(parts: Sequence[LabelledOutputs]) -> Decisions:
    """Fit calibrations by maximum likelihood and thresholds by F1.

    The clip threshold has the best F1 on scenes among those with at most FALSE_POSITIVE_SHARE of out-of-domain files with a false positive.
    """
    clip = fit_platt(
        np.concatenate([part.scene for part in parts] + [part.out_of_domain for part in parts]),
        np.concatenate([part.scene_truth for part in parts] + [~part.absent for part in parts]),
        mask=np.concatenate([np.ones_like(part.scene_truth) for part in parts] + [part.absent for part in parts]),
    )
    frames = np.concatenate([part.frames for part in parts])
    frame_truth = np.concatenate([part.frame_truth for part in parts])
    frame = fit_platt(frames[:, ::4].reshape(-1, frames.shape[-1]), frame_truth[:, ::4].reshape(-1, frames.shape[-1]))
    clip_threshold = _clip_threshold(parts, clip)
    frame_threshold = _best_threshold(frame.scores(frames), frame_truth > 0.5, _THRESHOLDS)
    cosines, truth = (np.concatenate([getattr(part, name) for part in parts]).reshape(-1, 1) for name in ("cosines", "clip_truth"))
    text = fit_platt(cosines, truth, prior=0.0)
    return Decisions(clip, frame, clip_threshold, frame_threshold, (float(text.scale[0]), float(text.bias[0])))


def _clip_threshold(parts: Sequence[LabelledOutputs], calibration: PlattScaling) -> float:
    highest = np.concatenate([np.where(part.absent, calibration.scores(part.out_of_domain), 0.0).max(axis=1) for part in parts])
    allowed = [float(t) for t in _THRESHOLDS if float((highest >= t).mean()) <= FALSE_POSITIVE_SHARE] or [float(_THRESHOLDS[-1])]
    logits, truth = (np.concatenate([part.scene for part in parts]), np.concatenate([part.scene_truth for part in parts]))
    return _best_threshold(calibration.scores(logits), truth, np.array(allowed))


def _best_threshold(scores: np.ndarray, truth: np.ndarray, thresholds: np.ndarray) -> float:
    """The threshold with the best micro-averaged F1, the first of equal ones."""
    _, common = f1_curves(scores.reshape(-1, 1), truth.reshape(-1, 1), thresholds)
    return float(thresholds[common.argmax()])
