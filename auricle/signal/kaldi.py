"""What Kaldi does to a frame before its window: its own mean off, then pre-emphasis. In and out: frames (T, W), in place."""

from __future__ import annotations

import numpy as np

_EMPHASIS = 0.97  # Kaldi's --preemphasis-coefficient


def clean(frames: np.ndarray) -> None:
    """Take each frame's mean off, then 0.97 of the sample before from every sample; the first has itself before it.

    Both are done to frames of the raw waveform, so neighbours do not share their results (kaldi src/feat/feature-window.cc, ProcessWindow).
    """
    frames -= frames.mean(axis=1, keepdims=True)
    frames[:, 1:] -= _EMPHASIS * frames[:, :-1]
    frames[:, 0] *= 1.0 - _EMPHASIS
