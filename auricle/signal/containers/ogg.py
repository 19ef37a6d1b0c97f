"""ogg: its last page carries a mark; without it, or with half a page at the end, the file was cut. It never says how long it was.

A file may also be a chain of streams, one after another, as radio recordings are. libsndfile hears only the first one, so each
link of the chain becomes a view of its own. Layout: RFC 3533, sections 4 and 6.
"""

from __future__ import annotations

import itertools
import mmap
from pathlib import Path

from auricle.signal.containers import Finding
from auricle.signal.containers.splice import Splice

_FIRST, _LAST = 0x02, 0x04  # flags of a page: its stream begins, ends
_HEADER = 27  # bytes of a page before its table of segments


def examine(path: Path) -> Finding:
    """Walk over the pages: where streams begin, whether the last one ends as it should."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        starts, fault = _walk(data)
        end = len(data)
    if len(starts) < 2:
        return Finding(fault=fault)
    edges = [*starts, end]
    return Finding(fault=fault, links=[Splice(path, [(a, b)]) for a, b in itertools.pairwise(edges)])


def _walk(data: mmap.mmap) -> tuple[list[int], str | None]:
    """(where each link of the chain starts, what shows that the file was cut)."""
    at, end = 0, len(data)
    starts: list[int] = []
    flags, inside = 0, True
    while at + _HEADER <= end:
        if data[at : at + 5] != b"OggS\0":
            at = data.find(b"OggS\0", at + 1)  # damage, or another kind of data behind the last page
            if at < 0:
                break
            continue
        segments = data[at + 26]
        after = at + _HEADER + segments + sum(data[at + _HEADER : at + _HEADER + segments])
        if after > end:
            return starts, "its last page is cut off"
        flags = data[at + 5]
        if flags & _FIRST and inside:  # streams that sound together begin with neighbouring first pages
            starts.append(at)
        inside, at = not flags & _FIRST, after
    return starts, None if flags & _LAST else "its closing page is missing"
