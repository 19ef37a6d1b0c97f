"""Replacement of invalid samples (NaN, infinities, absurd amplitudes) by silence, so that the rest of a file can be used."""

from __future__ import annotations

import numpy as np

from auricle.signal.reader import Reader, Samples, SkippableReader

MAX_AMPLITUDE = 1e10  # 200 dB above full scale: the power of a frame beyond it overflows float32
_SEGMENT = 0.1  # seconds silenced around an invalid sample, since its neighbours are often invalid too


class CheckedReader:
    """A reader that wraps another: segments of 0.1 s with an invalid sample become silent and count as lost."""

    def __init__(self, reader: Reader) -> None:
        self.name, self.rate, self.channels, self.frames = reader.name, reader.rate, reader.channels, reader.frames
        self.format, self.slack, self.gaps, self.tracks = reader.format, reader.slack, reader.gaps, reader.tracks
        self._reader = reader
        self._segment = max(1, round(_SEGMENT * reader.rate))
        self._at = self._rejected = 0
        self._bad: str | None = None

    @property
    def lost(self) -> int:
        """Number of samples replaced by silence so far, because of damage or invalid values."""
        return self._reader.lost + self._rejected

    @property
    def fault(self) -> str | None:
        """The first fault of the file, as far as it was read; None without one."""
        return self._reader.fault or self._bad

    def read(self, count: int) -> Samples:
        """The next `count` samples (C, n), fewer at the end, all of them finite.

        Small interleaved blocks of the decoder are joined, since numpy is faster on long contiguous rows.
        """
        pieces, remaining = [], count
        while remaining and (piece := self._reader.read(remaining)).shape[1]:
            pieces.append(np.ascontiguousarray(piece))
            remaining -= piece.shape[1]
        block = pieces[0] if len(pieces) == 1 else np.concatenate(pieces or [np.zeros((self.channels, 0), np.float32)], axis=1)
        if not float(np.vdot(block, block)) <= MAX_AMPLITUDE**2:  # also true for NaN; if false, no sample exceeds MAX_AMPLITUDE
            block = self._silence_bad(block)
        self._at += block.shape[1]
        return block

    def skip(self, count: int) -> int:
        """Skip samples where the reader can; returns their number."""
        skipped = self._reader.skip(count) if isinstance(self._reader, SkippableReader) else 0
        self._at += skipped
        return skipped

    def _silence_bad(self, block: Samples) -> Samples:
        bad = ~(np.abs(block).max(axis=0) <= MAX_AMPLITUDE)
        if not bad.any():
            return block
        segments = np.arange(self._at, self._at + block.shape[1]) // self._segment
        if self._bad is None:
            first = int(bad.argmax())
            value = block[:, first][~(np.abs(block[:, first]) <= MAX_AMPLITUDE)][0]
            self._bad = f"a sample at {(self._at + first) / self.rate:.3f} s is {value:g}, wanted finite numbers with full scale +-1"
        rejected = np.isin(segments, segments[bad])
        self._rejected += int(rejected.sum())
        return np.where(rejected, np.float32(0), block)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
