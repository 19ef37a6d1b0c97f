"""Inspection of ogg: pages have checksums and the last one a flag, which reveal damage and truncation that libsndfile does not report.

A file may also be a chain of streams, one after another, such as recordings of web radio. libsndfile reads only the first; each link of
the chain becomes a separate view. Layout: RFC 3533, sections 4 and 6; first packets: Vorbis I, 4.2.2, and RFC 7845, 5.1.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from auricle.signal.containers.inspection import Inspection
from auricle.signal.containers.splice import Splice
from auricle.signal.containers.view import View

_FIRST, _LAST = 0x02, 0x04  # flags of a page: its stream begins, ends
_HEADER = 27  # bytes of a page before its table of segments
_NO_TIME = -1  # the time of a page on which no packet ends
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _Page(NamedTuple):
    start: int
    end: int
    flags: int
    time: int  # samples from the start of the stream to the end of the page, at the codec's rate
    valid: bool  # its checksum is correct


def examine(path: Path) -> Inspection:
    """Inspect the pages: the starts of streams, the checksums, and the flag of the last page."""
    starts: list[int] = []
    damaged, time, page = False, 0, None
    with View(path) as data:
        previous = None
        for page in _pages(data):
            if page.flags & _FIRST and not (previous and previous.flags & _FIRST):  # multiplexed streams begin together
                starts.append(page.start)
            elif previous and page.start != previous.end:
                damaged = True
            damaged = damaged or not page.valid
            time = page.time if page.time != _NO_TIME and page.valid else time
            previous = page
        end = data.size
        clock, skip = _clock(data.take(0, 128))
    if page is None:
        return Inspection(undecodable="it contains no ogg pages")
    fault = "damaged pages" if damaged else _truncation(page, end)
    if len(starts) > 1:
        return Inspection(fault=fault, links=[Splice(path, [(a, b)]) for a, b in itertools.pairwise([*starts, end])])
    return Inspection(fault=fault, declared=max(0, time - skip) if damaged and clock else None, clock=clock)


def _pages(data: View) -> Iterator[_Page]:
    """Iterate over all pages of the file, skipping other bytes; a page that is truncated by the end of the file is not valid."""
    at = 0
    while 0 <= (at := data.find(b"OggS\0", at)) <= data.size - _HEADER:
        head = data.take(at, _HEADER + 255)
        segments = head[26]
        size = _HEADER + segments + sum(head[_HEADER : _HEADER + segments])
        whole = at + size <= data.size
        valid = whole and _checksum(data.take(at, size)) == head[22:26]
        yield _Page(at, at + size, head[5], struct.unpack_from("<q", head, 6)[0], valid)
        at += size if valid or not whole else 5  # the length of a damaged page may be wrong too


def _checksum(page: bytes) -> bytes:
    """The page's checksum (RFC 3533, section 6, field 8): that of zlib with the bits of each byte and of the sum reversed."""
    plain = page[:22] + bytes(4) + page[26:]
    register = zlib.crc32(plain.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return register.to_bytes(4, "big").translate(_REVERSED)


def _truncation(page: _Page, end: int) -> str | None:
    """The sign that the file was truncated after or in its last page, or None."""
    if page.end > end:
        return "its last page is truncated"
    return None if page.flags & _LAST else "its closing page is missing"


def _clock(head: bytes) -> tuple[int, int]:
    """(rate of the page times in Hz, samples to skip at the start) of the first stream of the file; 0 Hz if unknown."""
    if (at := head.find(b"\x01vorbis")) >= 0 and len(head) >= at + 16:
        return struct.unpack_from("<I", head, at + 12)[0], 0
    if (at := head.find(b"OpusHead")) >= 0 and len(head) >= at + 12:
        return 48_000, struct.unpack_from("<H", head, at + 10)[0]
    return 0, 0
