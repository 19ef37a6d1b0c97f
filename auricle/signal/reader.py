"""What every source of sound gives to `files`: blocks of samples in order, and what it knows about their number."""

from __future__ import annotations

from typing import Protocol

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
    fault: str | None  # why decoding stopped or what shows that the file was cut; None while all is well

    def read(self, count: int) -> Samples:
        """The next samples (C, n), n <= count, full scale +-1; n = 0 at the end. A fault ends the sound, it does not raise."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...


class ArrayReader:
    """An array in memory read like a file."""

    format, slack = "array", 0

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
