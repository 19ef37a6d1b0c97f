"""Windows that a frame is multiplied by before its transform. In: a length; out: weights, float32 (length,)."""

from __future__ import annotations

import numpy as np

from auricle.core.errors import InputError


def hann(length: int) -> np.ndarray:
    """Periodic Hann window, float32 (length,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def symmetric(length: int) -> np.ndarray:
    """Hann window whose two ends are both zero, float32 (length,): Kaldi's 'hanning'."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))).astype(np.float32)


def povey(length: int) -> np.ndarray:
    """Kaldi's own window, the symmetric Hann to the power 0.85, float32 (length,)."""
    return ((0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))) ** 0.85).astype(np.float32)


_TAPERS = {"hann": hann, "symmetric": symmetric, "povey": povey}


def taper(name: str, length: int) -> np.ndarray:
    """The window of that name, float32 (length,)."""
    if name not in _TAPERS:
        raise InputError(f"window {name!r} is unknown; wanted one of {', '.join(_TAPERS)}")
    return _TAPERS[name](length)
