"""Which windows and recordings are silent."""

from __future__ import annotations

import math

import numpy as np

_BLOCK = 0.1  # seconds over which loudness is taken to tell silence
_EDGE = 0.025  # seconds at each end of a recording in which a step may ring: soxr's filter at 4 kHz, the lowest rate
_RINGING = 1.6e-4  # seconds: energy of that ringing, as a multiple of the offset's power; twice the most from 4 to 768 kHz
_PEAK_OVER_RMS = 20.0  # dB. A recording whose peaks stand this far over the threshold of silence is not called silent.


def loudness(samples: np.ndarray, *, rate: int) -> float:
    """Loudest 100 ms block of mono samples (N,), dB re full scale; a constant offset is no sound. -inf for digital silence."""
    size = round(_BLOCK * rate)
    blocks = samples[: samples.size // size * size].reshape(-1, size)
    blocks = blocks - blocks.mean(axis=1, keepdims=True)
    power = float(np.einsum("ij,ij->i", blocks, blocks).max(initial=0.0)) / size
    rest = samples[blocks.size :]
    if samples.size > size // 4:  # in less, an offset cannot be told from a sound
        rest = rest - samples[-size:].mean()
    power = max(power, float(rest @ rest) / size)  # what is left counts as followed by nothing
    return 10.0 * math.log10(power) if power > 0 else -math.inf


def settled(samples: np.ndarray, *, rate: int, first: bool, last: bool) -> np.ndarray:
    """Mono samples (N,) without the edges of a recording where a constant offset sets in or ends: the step rings in a resampler.

    first, last: the samples begin, end the recording. An edge is taken off where an offset explains its energy; a sound is left there.
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


def quiet(peak: float, silence_dbfs: float) -> bool:
    """True where a recording in which no window sounds is to be called silent. peak: its largest |x|, without a constant offset."""
    return peak < 10 ** ((silence_dbfs + _PEAK_OVER_RMS) / 20)
