"""Mel scales and triangular mel filterbanks, as dense float32 matrices (bins, mels)."""

from __future__ import annotations

import numpy as np

from auricle.core.errors import InputError

_SLANEY_BREAK_HZ = 1000.0  # linear below, logarithmic above
_SLANEY_STEP_HZ = 200.0 / 3.0
_SLANEY_LOG_STEP = np.log(6.4) / 27.0
_LOGARITHMIC = {"htk": 2595.0 / np.log(10.0), "kaldi": 1127.0}  # mel per unit of ln(1 + f/700)


def hz_to_mel(hz: np.ndarray | float, *, scale: str) -> np.ndarray:
    """Convert frequency (Hz) to mel.

    scale 'slaney': Auditory Toolbox (Slaney 1998, also librosa's default); 'htk': 2595 log10(1 + f/700); 'kaldi': 1127 ln(1 + f/700).
    """
    hz = np.asarray(hz, dtype=np.float64)
    if scale in _LOGARITHMIC:
        return np.asarray(_LOGARITHMIC[scale] * np.log1p(hz / 700.0))
    if scale != "slaney":
        raise InputError(f"mel scale {scale!r} is unknown; wanted 'slaney', 'htk' or 'kaldi'")
    above = np.maximum(hz, _SLANEY_BREAK_HZ)
    knee = _SLANEY_BREAK_HZ / _SLANEY_STEP_HZ
    return np.where(hz < _SLANEY_BREAK_HZ, hz / _SLANEY_STEP_HZ, knee + np.log(above / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP)


def mel_to_hz(mel: np.ndarray | float, *, scale: str) -> np.ndarray:
    """Inverse of hz_to_mel."""
    mel = np.asarray(mel, dtype=np.float64)
    if scale in _LOGARITHMIC:
        return np.asarray(700.0 * np.expm1(mel / _LOGARITHMIC[scale]))
    if scale != "slaney":
        raise InputError(f"mel scale {scale!r} is unknown; wanted 'slaney', 'htk' or 'kaldi'")
    knee = _SLANEY_BREAK_HZ / _SLANEY_STEP_HZ
    above = _SLANEY_BREAK_HZ * np.exp(_SLANEY_LOG_STEP * (np.maximum(mel, knee) - knee))
    return np.where(mel < knee, mel * _SLANEY_STEP_HZ, above)


def filterbank(*, rate: int, fft: int, mels: int, low: float, high: float, scale: str, norm: str | None) -> np.ndarray:
    """Create triangular filters with corners equally spaced in mel between low and high Hz.

    Returns float32 (fft // 2 + 1, mels); a power spectrum (T, bins) is multiplied by it. rate: Hz. fft: points of the FFT.
    norm: 'slaney': every triangle has unit area in Hz; None: a peak of one. scale: see hz_to_mel; with 'kaldi' the sides are linear in mel
    and the last bin is zero (kaldi src/feat/mel-computations.cc). InputError for a bad range, scale or norm.
    """
    if not 0 <= low < high <= rate / 2:
        raise InputError(f"mel range is {low} to {high} Hz at {rate} Hz; wanted 0 <= low < high <= {rate / 2:g}")
    corners = np.linspace(hz_to_mel(low, scale=scale), hz_to_mel(high, scale=scale), mels + 2)
    bins = np.linspace(0.0, rate / 2, fft // 2 + 1)
    if scale == "kaldi":
        bins = hz_to_mel(bins, scale=scale)
        bins[-1] = np.inf
    else:
        corners = mel_to_hz(corners, scale=scale)
    rising = (bins[:, None] - corners[None, :-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[None, 2:] - bins[:, None]) / (corners[2:] - corners[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    if norm == "slaney":
        triangles *= 2.0 / (corners[2:] - corners[:-2])
    elif norm is not None:
        raise InputError(f"mel norm {norm!r} is unknown; wanted 'slaney' or None")
    return np.asarray(triangles, dtype=np.float32)
