"""Input of LAION-CLAP's feature fusion: a long clip as four log-mels of one size, the whole resized and three crops."""

from __future__ import annotations

import numpy as np


def stack(features: np.ndarray, frames: int, *, shrink: str) -> np.ndarray:
    """Stack a log-mel (T, F), T >= frames, to float32 (4, frames, F): the whole resized, first, central and last crop.

    shrink: 'bilinear' or 'antialias', see resize_frames. Upstream draws the crops at random, one from each third of the clip
    (LAION-AI/CLAP laion_clap/training/data.py); here they are fixed, so that the result is deterministic. A clip of `frames` or fewer is
    repeated four times, by which encoders recognise a short clip.
    """
    spare = len(features) - frames
    if spare <= 0:
        return np.repeat(features[None, :frames], 4, axis=0)
    starts = (0, spare // 2, spare)
    pieces = [features[start : start + frames] for start in starts]
    return np.stack([resize_frames(features, frames, smooth=shrink == "antialias"), *pieces])


def resize_frames(features: np.ndarray, frames: int, *, smooth: bool) -> np.ndarray:
    """Resize (T, F) to (frames, F) by linear interpolation along time.

    smooth: False: from two neighbours (torch's interpolate, 'bilinear', align_corners False). True: by a triangle filter over T / frames
    frames on either side (the same with antialias=True, the default of torchvision's Resize from 0.17).
    """
    ratio = len(features) / frames
    reach = max(ratio, 1.0) if smooth else 1.0
    centres = (np.arange(frames) + 0.5) * ratio - 0.5
    first = np.floor(centres - reach).astype(int) + 1
    indices = first[:, None] + np.arange(int(np.ceil(2 * reach)))  # (frames, taps)
    weights = np.maximum(0.0, 1.0 - np.abs(indices - centres[:, None]) / reach)
    if smooth:
        weights *= (indices >= 0) & (indices < len(features))  # frames beyond the ends have no weight
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    indices = indices.clip(0, len(features) - 1)
    resized = np.zeros((frames, features.shape[1]), np.float32)
    for tap in range(indices.shape[1]):
        resized += weights[:, tap, None] * features[indices[:, tap]]
    return resized
