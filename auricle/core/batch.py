"""Arrays that rooms hand to each other: what a model said of many recordings, beside what is true of them."""

from __future__ import annotations

import dataclasses

import numpy as np


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
    claims: np.ndarray
