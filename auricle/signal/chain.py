"""Recordings that lie in one file one after another, read as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from auricle.signal.conform import Conform
from auricle.signal.reader import Reader, Samples


class ChainReader:
    """links: a reader each, opened one at a time. Rate and channels are the first one's, to which the others are brought."""

    tracks = 1

    def __init__(self, links: Sequence[Callable[[], Reader]]) -> None:
        self._links = list(links)
        first = self._links[0]()
        self.name, self.rate, self.channels, self.format = first.name, first.rate, first.channels, first.format
        self.slack, self.lost = first.slack, 0
        self.frames: int | None = None
        self.fault: str | None = None
        self.gaps: list[tuple[int, int]] = []
        self._conform = Conform(self.rate, self.channels)
        self._current: Reader | None = first
        self._next = 1

    def read(self, count: int) -> Samples:
        """The next samples (C, n), full scale +-1."""
        while (link := self._current) is not None:
            block = link.read(max(1, count * link.rate // self.rate))
            if block.shape[1]:
                ready = self._conform.push(block, link.rate)
            else:
                ready = self._conform.flush()
                self._advance(link)
            if ready.shape[1]:
                return ready
        return np.zeros((self.channels, 0), dtype=np.float32)

    def _advance(self, link: Reader) -> None:
        """Go on to the next link."""
        self.fault = self.fault or link.fault
        self.lost += round(link.lost * self.rate / link.rate)
        link.close()
        self._current = None
        if self._next < len(self._links):
            self._next += 1
            self._current = self._links[self._next - 1]()

    def close(self) -> None:
        """Let the file go."""
        if self._current is not None:
            self._current.close()
