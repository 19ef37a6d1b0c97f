"""Random access to the bytes of a file, of which few are in memory at a time."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

_BLOCK = 1 << 20  # bytes read at once


class View:
    """Read-only bytes of a file. Unlike a memory map, it uses little memory and survives truncation of the file meanwhile."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed in __exit__
        self.size = self._file.seek(0, os.SEEK_END)
        self._block, self._start = b"", 0

    def take(self, at: int, count: int) -> bytes:
        """Read `count` bytes from position `at`; fewer at the end."""
        into = at - self._start
        if into < 0 or into + count > len(self._block):
            self._file.seek(at)
            self._block, self._start, into = self._file.read(max(count, _BLOCK)), at, 0
        return self._block[into : into + count]

    def find(self, what: bytes, at: int, end: int | None = None) -> int:
        """Position of the first `what` in the bytes from `at` to `end` (None: the end of the file); -1 where there is none."""
        end = self.size if end is None else min(end, self.size)
        while at + len(what) <= end:
            found = self.take(at, min(_BLOCK, end - at)).find(what)
            if found >= 0:
                return at + found
            at += _BLOCK - len(what) + 1
        return -1

    def __enter__(self) -> View:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
