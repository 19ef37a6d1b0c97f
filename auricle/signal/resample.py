"""Resampling with soxr (HQ), of whole arrays or of streams with the same result. Anti-aliased, linear phase, no delay.

soxr HQ: pass band to 0.91 of the lower Nyquist frequency, about 120 dB of rejection (The SoX Resampler library, soxr.h, SOXR_HQ).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError

Samples = NDArray[np.float32]


class StreamResampler:
    """Resamples one recording in pieces; the concatenated output equals that of the whole recording.

    source, target: Hz. N > 0 input samples give max(1, round(N * target / source)) output samples.
    """

    def __init__(self, source: int, target: int, channels: int) -> None:
        if source < 1 or target < 1 or channels < 1:
            raise InputError(f"cannot resample {channels} channels from {source} Hz to {target} Hz; wanted positive numbers")
        self._source, self._target, self._channels = source, target, channels
        self._consumed = self._produced = 0
        self._total = np.zeros(channels)  # for a recording too short for one output sample, which gives its mean
        self._engine = None
        if source != target:
            import soxr

            self._engine = soxr.ResampleStream(source, target, channels, dtype="float32", quality="HQ")

    def push(self, samples: Samples, *, last: bool = False) -> Samples:
        """Add the next samples (C, n) at the source rate; returns the samples that are ready (C, m) at the target rate.

        last: True at the end of the recording: all remaining samples are returned. InputError for another number of channels.
        """
        if samples.ndim != 2 or samples.shape[0] != self._channels:
            raise InputError(f"samples have shape {samples.shape}; wanted ({self._channels}, n)")
        if self._engine is None:
            return samples
        self._consumed += samples.shape[1]
        if self._produced == 0:
            self._total += samples.sum(axis=1, dtype=np.float64)
        block = np.ascontiguousarray(samples.T, dtype=np.float32)
        ready = np.asarray(self._engine.resample_chunk(block, last=last)).reshape(-1, self._channels).T
        if last:
            ready = self._fit(ready)
        self._produced += ready.shape[1]
        return np.ascontiguousarray(ready)

    def _fit(self, ready: Samples) -> Samples:
        """Correct the length of the last piece, since the number of samples from soxr may differ by one."""
        if self._consumed == 0:
            return ready[:, :0]
        missing = max(1, round(self._consumed * self._target / self._source)) - self._produced
        if missing > 0 and self._produced == 0 and ready.shape[1] == 0:
            ready = (self._total / self._consumed).astype(np.float32)[:, None]
        if ready.shape[1] < missing:
            ready = np.pad(ready, ((0, 0), (0, missing - ready.shape[1])))
        return ready[:, : max(0, missing)]


def resample(samples: Samples, source: int, target: int) -> Samples:
    """Resample (C, N) at `source` Hz to (C, max(1, round(N * target / source))) at `target` Hz; an empty array stays empty."""
    return StreamResampler(source, target, samples.shape[0]).push(samples, last=True)
