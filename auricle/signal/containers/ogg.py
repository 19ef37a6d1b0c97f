"""ogg: its pages are numbered and checked, and its last page carries a mark: a cut or a damage shows, but not to libsndfile.

A file may also be a chain of streams, one after another, as radio recordings are. libsndfile hears only the first; each link of
the chain becomes a view of its own. Layout: RFC 3533, sections 4 and 6; first packets: Vorbis I, 4.2.2, and RFC 7845, 5.1.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from auricle.signal.containers.inspection import Finding
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
    time: int  # samples from the stream's start to the page's end, on the codec's clock
    sound: bool  # its checksum is right


def examine(path: Path) -> Finding:
    """Walk over the pages: where streams begin, whether all are sound, whether the last one ends as it should."""
    starts: list[int] = []
    damaged, time, page = False, 0, None
    with View(path) as data:
        previous = None
        for page in _pages(data):
            if page.flags & _FIRST and not (previous and previous.flags & _FIRST):  # streams that sound together begin together
                starts.append(page.start)
            elif previous and page.start != previous.end:
                damaged = True
            damaged = damaged or not page.sound
            time = page.time if page.time != _NO_TIME and page.sound else time
            previous = page
        end = data.size
        clock, skip = _clock(data.take(0, 128))
    if page is None:
        return Finding(hopeless="no ogg pages are in it")
    fault = "damaged pages" if damaged else _ending(page, end)
    if len(starts) > 1:
        return Finding(fault=fault, links=[Splice(path, [(a, b)]) for a, b in itertools.pairwise([*starts, end])])
    return Finding(fault=fault, declared=max(0, time - skip) if damaged and clock else None, clock=clock)


def _pages(data: View) -> Iterator[_Page]:
    """Every page in the file, over whatever lies between; one that is cut off by the file's end is not sound."""
    at = 0
    while 0 <= (at := data.find(b"OggS\0", at)) <= data.size - _HEADER:
        head = data.take(at, _HEADER + 255)
        segments = head[26]
        size = _HEADER + segments + sum(head[_HEADER : _HEADER + segments])
        whole = at + size <= data.size
        sound = whole and _checksum(data.take(at, size)) == head[22:26]
        yield _Page(at, at + size, head[5], struct.unpack_from("<q", head, 6)[0], sound)
        at += size if sound or not whole else 5  # the length of a damaged page may be wrong too


def _checksum(page: bytes) -> bytes:
    """The page's checksum (RFC 3533, section 6, field 8): zlib's with the bits of each byte and of the sum reversed."""
    plain = page[:22] + bytes(4) + page[26:]
    register = zlib.crc32(plain.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return register.to_bytes(4, "big").translate(_REVERSED)


def _ending(page: _Page, end: int) -> str | None:
    """What shows that the file was cut after its last page, or in it."""
    if page.end > end:
        return "its last page is cut off"
    return None if page.flags & _LAST else "its closing page is missing"


def _clock(head: bytes) -> tuple[int, int]:
    """(Hz of the times on the pages, samples to leave out at the start) of the stream that begins the file; 0 Hz if unknown."""
    if (at := head.find(b"\x01vorbis")) >= 0 and len(head) >= at + 16:
        return struct.unpack_from("<I", head, at + 12)[0], 0
    if (at := head.find(b"OpusHead")) >= 0 and len(head) >= at + 12:
        return 48_000, struct.unpack_from("<H", head, at + 10)[0]
    return 0, 0
