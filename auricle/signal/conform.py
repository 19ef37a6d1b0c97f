"""Sound whose rate or number of channels changes on the way, as one stream of one rate and one number of channels."""

from __future__ import annotations

import numpy as np

from auricle.signal.reader import Samples
from auricle.signal.resample import StreamResampler


class Conform:
    """Blocks (c, n) of any rate in, blocks (`channels`, m) at `rate` Hz out. A block that has both already is passed on as it is."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._channels = rate, channels
        self._source = rate
        self._resampler: StreamResampler | None = None

    def push(self, block: Samples, rate: int) -> Samples:
        """The next block (c, n) of sound at `rate` Hz; what is ready (channels, m)."""
        before = self.flush() if rate != self._source else None
        if before is not None and rate != self._rate:
            self._resampler = StreamResampler(rate, self._rate, self._channels)
        self._source = rate
        block = _with_channels(block, self._channels)
        if self._resampler is not None:
            block = self._resampler.push(block)
        return block if before is None or not before.shape[1] else np.concatenate([before, block], axis=1)

    def flush(self) -> Samples:
        """What is left (channels, m) of sound at another rate that ends here."""
        resampler, self._resampler, self._source = self._resampler, None, self._rate
        empty = np.zeros((self._channels, 0), dtype=np.float32)
        return empty if resampler is None else resampler.push(empty, last=True)


def _with_channels(block: Samples, channels: int) -> Samples:
    """A block (c, n) with another number of channels: their mean in each."""
    if len(block) == channels:
        return block
    return np.repeat(block.mean(axis=0, keepdims=True, dtype=np.float32), channels, axis=0)
