"""Kaldi's frame extraction: removal of each frame's mean (DC offset) and pre-emphasis before the window."""

from __future__ import annotations

import numpy as np

_EMPHASIS = 0.97  # Kaldi's --preemphasis-coefficient


def extract_frames(samples: np.ndarray, frames: np.ndarray, hop: int) -> None:
    """Fill frames, float64 (T, W), from samples ((T - 1) * hop + W,).

    Kaldi subtracts a frame's mean m, then 0.97 times the previous sample from every sample, with the first sample as its own predecessor
    (kaldi src/feat/feature-window.cc, ProcessWindow). Both are linear, so x[n] - 0.97 x[n - 1] is computed once for all frames that share
    a sample, and 0.03 m is subtracted.
    """
    wide = samples.astype(np.float64)
    view = np.lib.stride_tricks.as_strided(wide, frames.shape, (hop * wide.itemsize, wide.itemsize))
    means = np.add.reduce(view, axis=1) / frames.shape[1]
    starts = (1.0 - _EMPHASIS) * view[:, 0]
    wide[1:] -= _EMPHASIS * wide[:-1]
    frames[:] = view
    frames[:, 0] = starts
    frames -= ((1.0 - _EMPHASIS) * means)[:, None]
