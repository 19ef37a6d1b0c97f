"""What every source of sound gives to `files`: blocks of samples in order, and what it knows about their number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class Reader(Protocol):
    """One opened source. It is read once, front to back."""

    name: str  # what errors call it, printable, one line
    rate: int  # Hz
    channels: int
    frames: int | None  # samples per channel that the source declares; None where it cannot tell
    format: str  # container and codec, such as "WAV/PCM_16"
    slack: int  # samples by which a whole file of this format may fall short of its declared length
    fault: str | None  # where decoding broke, or what shows that the file was cut; None while all is well
    lost: int  # samples given as silence so far, because the file is damaged there

    def read(self, count: int) -> Samples:
        """The next samples (C, n), n <= count, full scale +-1; n = 0 at the end. A fault ends the sound, it does not raise."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...


@runtime_checkable
class Skipping(Protocol):
    """A reader that need not decode what is not wanted."""

    def skip(self, count: int) -> int:
        """Pass over as many of the first `count` samples as it can; how many were passed."""
        ...


class ArrayReader:
    """An array in memory read like a file."""

    format, slack, lost = "array", 0, 0

    def __init__(self, samples: NDArray[np.floating], rate: int, name: str) -> None:
        self.name, self.rate = name, rate
        self.channels, self.frames = samples.shape
        self.fault: str | None = None
        self._samples, self._at = samples, 0

    def read(self, count: int) -> Samples:
        """The next samples (C, n) of the array."""
        block = self._samples[:, self._at : self._at + count]
        self._at += block.shape[1]
        return np.asarray(block, dtype=np.float32)

    def close(self) -> None:
        """Nothing to let go."""


class ChainReader:
    """Recordings that lie in one file one after another, read as one. links: a reader each, opened one at a time."""

    def __init__(self, links: Sequence[Callable[[], Reader]]) -> None:
        self._links = list(links)
        first = self._links[0]()
        self.name, self.rate, self.channels, self.format = first.name, first.rate, first.channels, first.format
        self.slack, self.lost = first.slack, 0
        self.frames: int | None = None
        self.fault: str | None = None
        self._current: Reader | None = first
        self._next = 1

    def read(self, count: int) -> Samples:
        """The next samples (C, n), full scale +-1."""
        while self._current is not None:
            block = self._current.read(count)
            if block.shape[1]:
                return block
            self._advance()
        return np.zeros((self.channels, 0), dtype=np.float32)

    def _advance(self) -> None:
        """Go on to the next link; one of another rate or channel count ends the sound."""
        assert self._current is not None
        self.fault = self.fault or self._current.fault
        self.lost += self._current.lost
        self._current.close()
        self._current = None
        if self._next < len(self._links):
            following = self._links[self._next]()
            self._next += 1
            if (following.rate, following.channels) == (self.rate, self.channels):
                self._current = following
            else:
                following.close()
                self.fault = f"it goes on at {following.rate} Hz with {following.channels} channels"

    def close(self) -> None:
        """Let the file go."""
        if self._current is not None:
            self._current.close()
