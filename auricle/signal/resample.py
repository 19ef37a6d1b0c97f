"""Change of rate with soxr (HQ), whole or piece by piece with the same result. Anti-aliased, linear phase, no delay.

soxr HQ: pass band to 0.91 of the lower Nyquist frequency, about 120 dB of rejection (The SoX Resampler library, soxr.h, SOXR_HQ).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError

Samples = NDArray[np.float32]


class StreamResampler:
    """Resample one recording that comes in pieces; the pieces that come out, joined, are those of the whole.

    Out come max(1, round(N * target / source)) samples for N > 0 that went in.
    """

    def __init__(self, source: int, target: int, channels: int) -> None:
        if source < 1 or target < 1 or channels < 1:
            raise InputError(f"cannot resample {channels} channels from {source} Hz to {target} Hz; wanted positive numbers")
        self._source, self._target, self._channels = source, target, channels
        self._taken = self._given = 0
        self._total = np.zeros(channels)  # so that a recording too short for one output sample still gives its mean
        self._engine = None
        if source != target:
            import soxr

            self._engine = soxr.ResampleStream(source, target, channels, dtype="float32", quality="HQ")

    def push(self, samples: Samples, *, last: bool = False) -> Samples:
        """Take the next samples (C, n) at the source rate, give those that are ready (C, m) at the target rate.

        last: the recording ends here, give all that is left.
        """
        if samples.ndim != 2 or samples.shape[0] != self._channels:
            raise InputError(f"samples have shape {samples.shape}; wanted ({self._channels}, n)")
        if self._engine is None:
            return samples
        self._taken += samples.shape[1]
        if self._given == 0:
            self._total += samples.sum(axis=1, dtype=np.float64)
        block = np.ascontiguousarray(samples.T, dtype=np.float32)
        ready = np.asarray(self._engine.resample_chunk(block, last=last)).reshape(-1, self._channels).T
        if last:
            ready = self._fit(ready)
        self._given += ready.shape[1]
        return np.ascontiguousarray(ready)

    def _fit(self, ready: Samples) -> Samples:
        """Make the last piece end where the recording does: soxr's own count may be one sample off."""
        if self._taken == 0:
            return ready[:, :0]
        want = max(1, round(self._taken * self._target / self._source)) - self._given
        if want > 0 and self._given == 0 and ready.shape[1] == 0:
            ready = (self._total / self._taken).astype(np.float32)[:, None]
        if ready.shape[1] < want:
            ready = np.pad(ready, ((0, 0), (0, want - ready.shape[1])))
        return ready[:, : max(0, want)]


def resample(samples: Samples, source: int, target: int) -> Samples:
    """Resample (C, N) at `source` Hz to (C, max(1, round(N * target / source))) at `target` Hz; an empty array stays empty."""
    return StreamResampler(source, target, samples.shape[0]).push(samples, last=True)
