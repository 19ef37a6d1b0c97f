"""The interface of all audio sources: blocks of samples in order, and the declared properties."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class Reader(Protocol):
    """An open source; it is read once, sequentially."""

    name: str  # for messages, printable, one line
    rate: int  # Hz
    channels: int
    frames: int | None  # samples per channel that the source declares; None where unknown
    format: str  # container and codec, such as "WAV/PCM_16"
    slack: int  # samples by which a complete file of this format may be shorter than declared
    gaps: list[tuple[int, int]]  # (first, last + 1) of samples so far that are silent because nothing was recorded, by the file's clock
    tracks: int  # audio tracks in the file, of which one is read

    @property
    def fault(self) -> str | None:
        """Why decoding failed, or the sign of a truncated file; None without a fault."""
        ...

    @property
    def lost(self) -> int:
        """Number of samples replaced by silence so far because of damage."""
        ...

    def read(self, count: int) -> Samples:
        """The next samples (C, n), n about count, full scale +-1; n = 0 at the end. A fault ends the stream without raising.

        The first sample is at time 0 of the file's own clock.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


@runtime_checkable
class SkippableReader(Protocol):
    """A reader that can skip samples without decoding them."""

    def skip(self, count: int) -> int:
        """Skip as many of the first `count` samples as possible; returns their number."""
        ...


class ArrayReader:
    """A reader of an array in memory."""

    format, slack, lost, tracks = "array", 0, 0, 1

    def __init__(self, samples: NDArray[np.floating], rate: int, name: str) -> None:
        self.name, self.rate = name, rate
        self.channels, self.frames = samples.shape
        self.fault: str | None = None
        self.gaps: list[tuple[int, int]] = []
        self._samples, self._at = samples, 0

    def read(self, count: int) -> Samples:
        """The next samples (C, n) of the array."""
        block = self._samples[:, self._at : self._at + count]
        self._at += block.shape[1]
        with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are then treated as invalid samples
            return np.asarray(block, dtype=np.float32)

    def close(self) -> None:
        """Do nothing."""
