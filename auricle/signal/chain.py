"""A reader of chained recordings: several in one file, one after another, as one stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from auricle.signal.conform import StreamConverter
from auricle.signal.reader import Reader, Samples


class ChainReader:
    """links: functions that open the readers, one at a time. All are converted to the rate and channels of the first."""

    tracks = 1

    def __init__(self, links: Sequence[Callable[[], Reader]]) -> None:
        self._links = list(links)
        first = self._links[0]()
        self.name, self.rate, self.channels, self.format = first.name, first.rate, first.channels, first.format
        self.slack, self.lost = first.slack, 0
        self.frames: int | None = None
        self.fault: str | None = None
        self.gaps: list[tuple[int, int]] = []
        self._converter = StreamConverter(self.rate, self.channels)
        self._current: Reader | None = first
        self._next = 1

    def read(self, count: int) -> Samples:
        """The next samples (C, n), full scale +-1."""
        while (link := self._current) is not None:
            block = link.read(max(1, count * link.rate // self.rate))
            if block.shape[1]:
                ready = self._converter.push(block, link.rate)
            else:
                ready = self._converter.flush()
                self._advance(link)
            if ready.shape[1]:
                return ready
        return np.zeros((self.channels, 0), dtype=np.float32)

    def _advance(self, link: Reader) -> None:
        """Close this link and open the next."""
        self.fault = self.fault or link.fault
        self.lost += round(link.lost * self.rate / link.rate)
        link.close()
        self._current = None
        if self._next < len(self._links):
            self._next += 1
            self._current = self._links[self._next - 1]()

    def close(self) -> None:
        """Close the file."""
        if self._current is not None:
            self._current.close()
