"""Conversion of a stream whose sample rate or channels change to one rate and one number of channels."""

from __future__ import annotations

import numpy as np

from auricle.signal.reader import Samples
from auricle.signal.resample import StreamResampler


class StreamConverter:
    """Converts blocks (c, n) of any rate to blocks (`channels`, m) at `rate` Hz; matching blocks pass unchanged."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._channels = rate, channels
        self._source = rate
        self._resampler: StreamResampler | None = None

    def push(self, block: Samples, rate: int) -> Samples:
        """Add a block (c, n) at `rate` Hz; returns the converted samples that are ready (channels, m)."""
        before = self.flush() if rate != self._source else None
        if before is not None and rate != self._rate:
            self._resampler = StreamResampler(rate, self._rate, self._channels)
        self._source = rate
        block = _with_channels(block, self._channels)
        if self._resampler is not None:
            block = self._resampler.push(block)
        return block if before is None or not before.shape[1] else np.concatenate([before, block], axis=1)

    def flush(self) -> Samples:
        """End the conversion from the current rate; returns its remaining samples (channels, m)."""
        resampler, self._resampler, self._source = self._resampler, None, self._rate
        empty = np.zeros((self._channels, 0), dtype=np.float32)
        return empty if resampler is None else resampler.push(empty, last=True)


def _with_channels(block: Samples, channels: int) -> Samples:
    """A block (c, n) with another number of channels: the mean in each of them."""
    if len(block) == channels:
        return block
    return np.repeat(block.mean(axis=0, keepdims=True, dtype=np.float32), channels, axis=0)
