"""Silence detection: the level of windows, and of whole recordings."""

from __future__ import annotations

import math

import numpy as np

_BLOCK = 0.1  # seconds: block over which the level is measured
_EDGE = 0.025  # seconds at each end of a recording in which a step may ring: soxr's filter at 4 kHz, the lowest rate
_RINGING = 1.6e-4  # seconds: energy of that ringing, as a multiple of the offset's power; twice the most from 4 to 768 kHz
_PEAK_OVER_RMS = 20.0  # dB. A recording whose peaks stand this far over the threshold of silence is not called silent.


def max_block_dbfs(samples: np.ndarray, *, rate: int) -> float:
    """RMS level of the loudest 100 ms block of mono samples (N,), in dB re full scale, without DC offset. -inf for digital silence."""
    size = round(_BLOCK * rate)
    blocks = samples[: samples.size // size * size].reshape(-1, size)
    blocks = blocks - blocks.mean(axis=1, keepdims=True)
    power = float(np.einsum("ij,ij->i", blocks, blocks).max(initial=0.0)) / size
    rest = samples[blocks.size :]
    if samples.size > size // 4:  # in fewer samples a DC offset cannot be estimated
        rest = rest - samples[-size:].mean()
    power = max(power, float(rest @ rest) / size)  # the incomplete block counts as padded with zeros
    return 10.0 * math.log10(power) if power > 0 else -math.inf


def trim_offset_steps(samples: np.ndarray, *, rate: int, first: bool, last: bool) -> np.ndarray:
    """Mono samples (N,) without the edges at which a DC offset starts or ends: such a step rings in a resampler.

    first, last: whether the samples begin or end the recording. An edge is trimmed only if the offset explains its energy.
    """
    edge = round(_EDGE * rate)
    if samples.size < 4 * edge:
        return samples
    offset = float(samples[edge:-edge].mean(dtype=np.float64))
    most = offset * offset * _RINGING * rate
    left, right = samples[:edge] - offset, samples[-edge:] - offset
    start = edge if first and float(left @ left) <= most else 0
    stop = samples.size - edge if last and float(right @ right) <= most else samples.size
    return samples[start:stop]


def is_quiet(peak: float, silence_dbfs: float) -> bool:
    """Whether a recording without a sounding window is silent. peak: its largest |x|, without DC offset."""
    return peak < 10 ** ((silence_dbfs + _PEAK_OVER_RMS) / 20)
