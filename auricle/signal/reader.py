"""What every source of sound gives to `files`: blocks of samples in order, and what it knows about their number."""

from __future__ import annotations

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
    gaps: list[tuple[int, int]]  # (first, last + 1) samples given as silence so far because, by the file's clock, nothing was recorded
    tracks: int  # sound tracks in the file, of which one is read

    @property
    def fault(self) -> str | None:
        """Where decoding broke, or what shows that the file was cut; None while all is well."""
        ...

    @property
    def lost(self) -> int:
        """Samples given as silence so far, because the file is damaged there."""
        ...

    def read(self, count: int) -> Samples:
        """The next samples (C, n), n about count, full scale +-1; n = 0 at the end. A fault ends the sound, it does not raise.

        The first sample is that of time 0 on the file's own clock.
        """
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
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is left out as such
            return np.asarray(block, dtype=np.float32)

    def close(self) -> None:
        """Nothing to let go."""
