"""Samples that are no sound: NaN, infinities and absurd sizes, left out where they stand so that the rest can be heard."""

from __future__ import annotations

import numpy as np

from auricle.signal.reader import Reader, Samples, Skipping

LOUDEST = 1e10  # 200 dB above full scale: beyond it the power of a frame leaves float32, and no recorder wrote it
_STRETCH = 0.1  # seconds that are left out around a bad sample: what breaks one breaks its neighbours


class CheckedReader:
    """Another reader's samples, where stretches of 0.1 s with a bad sample in them are silent and count as lost."""

    def __init__(self, reader: Reader) -> None:
        self.name, self.rate, self.channels, self.frames = reader.name, reader.rate, reader.channels, reader.frames
        self.format, self.slack, self.gaps, self.tracks = reader.format, reader.slack, reader.gaps, reader.tracks
        self._reader = reader
        self._stretch = max(1, round(_STRETCH * reader.rate))
        self._at = self._rejected = 0
        self._bad: str | None = None

    @property
    def lost(self) -> int:
        """Samples given as silence so far, because the file is damaged there or because they are no numbers."""
        return self._reader.lost + self._rejected

    @property
    def fault(self) -> str | None:
        """What is wrong with the file, as far as it was read."""
        return self._reader.fault or self._bad

    def read(self, count: int) -> Samples:
        """The next `count` samples (C, n), fewer at the end, all of them finite.

        Some decoders give few at a time, their channels interleaved; numpy is quick over many in a row.
        """
        pieces, left = [], count
        while left and (piece := self._reader.read(left)).shape[1]:
            pieces.append(np.ascontiguousarray(piece))
            left -= piece.shape[1]
        block = pieces[0] if len(pieces) == 1 else np.concatenate(pieces or [np.zeros((self.channels, 0), np.float32)], axis=1)
        if not float(np.vdot(block, block)) <= LOUDEST**2:  # also true of NaN; where it is not, no sample is beyond LOUDEST
            block = self._mended(block)
        self._at += block.shape[1]
        return block

    def skip(self, count: int) -> int:
        """Pass over samples where the reader can; how many were passed."""
        passed = self._reader.skip(count) if isinstance(self._reader, Skipping) else 0
        self._at += passed
        return passed

    def _mended(self, block: Samples) -> Samples:
        bad = ~(np.abs(block).max(axis=0) <= LOUDEST)
        if not bad.any():
            return block
        places = np.arange(self._at, self._at + block.shape[1]) // self._stretch
        if self._bad is None:
            first = int(bad.argmax())
            value = block[:, first][~(np.abs(block[:, first]) <= LOUDEST)][0]
            self._bad = f"a sample at {(self._at + first) / self.rate:.3f} s is {value:g}, wanted finite numbers with full scale +-1"
        out = np.isin(places, places[bad])
        self._rejected += int(out.sum())
        return np.where(out, np.float32(0), block)

    def close(self) -> None:
        """Let the file go."""
        self._reader.close()
