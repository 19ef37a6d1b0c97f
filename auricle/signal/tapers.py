"""Window functions for frames before the FFT, float32 (length,)."""

from __future__ import annotations

import numpy as np

from auricle.core.errors import InputError


def hann(length: int) -> np.ndarray:
    """Periodic Hann window, float32 (length,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def symmetric(length: int) -> np.ndarray:
    """Symmetric Hann window (zero at both ends), float32 (length,); Kaldi's 'hanning'."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))).astype(np.float32)


def povey(length: int) -> np.ndarray:
    """Kaldi's Povey window, the symmetric Hann window to the power 0.85, float32 (length,)."""
    return ((0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))) ** 0.85).astype(np.float32)


_TAPERS = {"hann": hann, "symmetric": symmetric, "povey": povey}


def taper(name: str, length: int) -> np.ndarray:
    """Create the window of this name, float32 (length,). InputError for an unknown name."""
    if name not in _TAPERS:
        raise InputError(f"window {name!r} is unknown; wanted one of {', '.join(_TAPERS)}")
    return _TAPERS[name](length)
