"""LAION-CLAP's feature fusion: a long clip as four pictures of one size, its whole shrunk and three pieces. In: log-mel (T, F)."""

from __future__ import annotations

import numpy as np


def stack(features: np.ndarray, frames: int, *, shrink: str) -> np.ndarray:
    """Log-mel (T, F), T >= frames, to float32 (4, frames, F): the whole shrunk, front, middle, back.

    Upstream draws the three pieces at random, one from each third of the clip (LAION-AI/CLAP laion_clap/training/data.py); here they are
    the first, the central and the last, so that a clip always gives the same numbers. A clip of no more than `frames` gives the same
    picture four times, by which an encoder knows it for short.
    """
    spare = len(features) - frames
    if spare <= 0:
        return np.repeat(features[None, :frames], 4, axis=0)
    starts = (0, spare // 2, spare)
    pieces = [features[start : start + frames] for start in starts]
    return np.stack([shrunk(features, frames, smooth=shrink == "antialias"), *pieces])


def shrunk(features: np.ndarray, frames: int, *, smooth: bool) -> np.ndarray:
    """(T, F) brought to (frames, F) by straight lines between frames, ends of both lying on top of each other.

    smooth False: two neighbours decide a frame (torch's interpolate, 'bilinear', align_corners False). smooth True: all frames within T /
    frames do, by a triangle (the same with antialias=True, as torchvision's Resize has it from 0.17).
    """
    ratio = len(features) / frames
    reach = max(ratio, 1.0) if smooth else 1.0
    centres = (np.arange(frames) + 0.5) * ratio - 0.5
    first = np.floor(centres - reach).astype(int) + 1
    places = first[:, None] + np.arange(int(np.ceil(2 * reach)))  # (frames, taps)
    weights = np.maximum(0.0, 1.0 - np.abs(places - centres[:, None]) / reach)
    if smooth:
        weights *= (places >= 0) & (places < len(features))  # what lies beyond the ends does not count
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    places = places.clip(0, len(features) - 1)
    found = np.zeros((frames, features.shape[1]), np.float32)
    for tap in range(places.shape[1]):
        found += weights[:, tap, None] * features[places[:, tap]]
    return found
