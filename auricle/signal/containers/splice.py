"""A view of a file with bytes replaced or removed, for decoders that rely on a wrong header."""

from __future__ import annotations

import bisect
import io
import os
from pathlib import Path
from typing import Any

#: Literal bytes, or a byte range (start, end) of the file.
Part = bytes | tuple[int, int]


class Splice(io.RawIOBase):
    """A read-only file that is the concatenation of `parts`; ranges are read from the file at `path`."""

    def __init__(self, path: Path, parts: list[Part]) -> None:
        super().__init__()
        self._file = open(path, "rb")  # noqa: SIM115 - closed in close()
        self._parts = [part for part in parts if _length(part) > 0]
        self._starts = [0]  # start of each part in this view, and the end of the last
        for part in self._parts:
            self._starts.append(self._starts[-1] + _length(part))
        self._at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position in the view, bytes."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position in the view."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Read into the buffer; returns the number of bytes."""
        room = memoryview(buffer).cast("B")
        data = self.read(len(room))
        room[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes, across parts; all remaining bytes by default."""
        remaining = self._starts[-1] - self._at if size is None or size < 0 else size
        pieces = []
        while remaining > 0 and (piece := self._piece(remaining)):
            pieces.append(piece)
            self._at += len(piece)
            remaining -= len(piece)
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        """At most `size` bytes of the part at the current position; empty at the end."""
        if self._at >= self._starts[-1]:
            return b""
        index = bisect.bisect_right(self._starts, self._at) - 1
        part, into = self._parts[index], self._at - self._starts[index]
        if isinstance(part, bytes):
            return part[into : into + size]
        start, end = part
        self._file.seek(start + into)
        return self._file.read(min(size, end - start - into))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def _length(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part[1] - part[0]
