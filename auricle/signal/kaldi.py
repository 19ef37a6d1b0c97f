"""What Kaldi does to a frame before its window: its own mean off, then pre-emphasis. In: a waveform; out: frames of it (T, W)."""

from __future__ import annotations

import numpy as np

_EMPHASIS = 0.97  # Kaldi's --preemphasis-coefficient


def clean(samples: np.ndarray, frames: np.ndarray, hop: int) -> None:
    """Fill frames, float64 (T, W), from samples ((T - 1) * hop + W,), each cleaned by itself.

    Kaldi takes a frame's mean m off, then 0.97 of the sample before from every sample, the first having itself before it (kaldi
    src/feat/feature-window.cc, ProcessWindow). Both are sums, so x[n] - 0.97 x[n - 1] is made once for all frames that share a sample,
    and 0.03 m taken off.
    """
    wide = samples.astype(np.float64)
    cut = np.lib.stride_tricks.as_strided(wide, frames.shape, (hop * wide.itemsize, wide.itemsize))
    means = np.add.reduce(cut, axis=1) / frames.shape[1]
    starts = (1.0 - _EMPHASIS) * cut[:, 0]
    wide[1:] -= _EMPHASIS * wide[:-1]
    frames[:] = cut
    frames[:, 0] = starts
    frames -= ((1.0 - _EMPHASIS) * means)[:, None]
