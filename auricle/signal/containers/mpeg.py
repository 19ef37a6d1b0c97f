"""Inspection of mp3: the frames are counted, because libsndfile relies on the Xing header or on an estimate from the first frames.

The estimate is wrong for variable bit rates, and the header is wrong where files were joined or split; libsndfile then stops early or
declares too many samples. Where the count differs, the file is decoded through a view with a corrected header. Frames of another rate or
number of channels are treated as another recording in the same file.
Layout: ISO/IEC 11172-3 section 2.4.1.3 (frame header); "MP3 Info Tag revision 1" (Gabriel Bouvigne) for the Xing header.
"""

from __future__ import annotations

import dataclasses
import functools
import struct
from pathlib import Path

from auricle.signal.containers.inspection import Inspection
from auricle.signal.containers.kind import tag_size
from auricle.signal.containers.splice import Splice
from auricle.signal.containers.view import View

_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # MPEG 1 layer III
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # MPEG 2 and 2.5 layer III
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # Hz by version bits
_SAME = 0xFFFE0C00  # bits of sync, version, layer and rate
_SEARCH = 1 << 16  # bytes within which the first frame must start
_CONFIRMING = 8  # consecutive frames that confirm the start of another stream
_MAX_STREAMS = 1000  # in one file


@dataclasses.dataclass(frozen=True)
class _Header:
    """The header of a frame. size: bytes of the frame; samples: per channel; side: bytes of side information."""

    word: int
    size: int
    samples: int
    side: int


def _parse_header(word: int) -> _Header | None:
    """Parse the 32 bits of a layer III frame header; None where they are not one."""
    version, layer, kbits, rate = word >> 19 & 3, word >> 17 & 3, word >> 12 & 15, word >> 10 & 3
    if word >> 21 != 0x7FF or version == 1 or layer != 1 or kbits in (0, 15) or rate == 3:
        return None
    first = version == 3
    bits = (_KBITS_1 if first else _KBITS_2)[kbits] * 1000
    size = (144 if first else 72) * bits // _RATES[version][rate] + (word >> 9 & 1)
    mono = word >> 6 & 3 == 3
    return _Header(word, size, 1152 if first else 576, (17 if mono else 32) if first else (9 if mono else 17))


def examine(path: Path) -> Inspection:
    """Count the frames. A matching Xing header is used; otherwise the result has a view with a corrected one, or one view per stream."""
    with View(path) as data:
        start = _skip_tags(data)
        found = _first_frame(data, start)
        if found is None:
            return Inspection() if _is_older_layer(data, start) else Inspection(undecodable="it contains no mp3 frames")
        at, header = found
        xing, end = _xing(data, at, header), _audio_end(data)
        streams = _streams(data, at, end, header)
        size = data.size
    first, last = streams[0], streams[-1]
    fault = None if last.whole else "its last frame is truncated"
    if len(streams) > 1:
        return Inspection(fault=fault, links=[Splice(path, [_make_xing(one.header, one.frames), *one.runs]) for one in streams])
    if xing is not None and _fits(xing, first, end - at):
        source = None if at == start else Splice(path, [(at, size)])  # libmpg123 searches only 1024 bytes
        return Inspection(source=source, repair=functools.partial(_repair, path))
    if first.frames == 0:
        return Inspection(undecodable="it contains no mp3 frames")
    return Inspection(fault=fault, source=Splice(path, [_make_xing(header, first.frames), *first.runs]))


def _fits(xing: tuple[int, int | None], walk: _Walk, available: int) -> bool:
    """True where a Xing header (frames, bytes) matches `available` bytes of frames, or did before truncation or damage."""
    frames, byte_count = xing
    if frames <= walk.frames + 1:
        return frames >= walk.frames - 1
    truncated = byte_count is None or available < byte_count
    return truncated or len(walk.runs) > 1


def _streams(data: View, at: int, end: int, header: _Header) -> list[_Walk]:
    """The consecutive streams from `at` on, which differ in rate or channels; one without frames only if there is no other."""
    found: list[_Walk] = []
    following: tuple[int, _Header] | None = (at, header)
    while following is not None and len(found) < _MAX_STREAMS:
        at, header = following
        if _xing(data, at, header) is not None or data.take(at + 36, 4) == b"VBRI":
            at += header.size  # the frame of the header contains no sound
        walk, following = _walk(data, at, end, header)
        found.append(walk)
    return [walk for walk in found if walk.frames] or found[:1]


def _repair(path: Path) -> tuple[Splice, int] | None:
    """A view of the frames without the bytes between them, and the number of samples that these replace; None without such bytes."""
    with View(path) as data:
        found = _first_frame(data, _skip_tags(data))
        if found is None:
            return None
        at, header = found
        walk, _ = _walk(data, at, _audio_end(data), header)
    if len(walk.runs) < 2:
        return None
    sound = sum(end - start for start, end in walk.runs)
    junk = walk.runs[-1][1] - walk.runs[0][0] - sound
    return Splice(path, [*walk.runs]), round(junk * walk.frames / sound) * header.samples


def _word(data: View, at: int) -> int:
    return int.from_bytes(data.take(at, 4), "big")


def _skip_tags(data: View) -> int:
    """Position after the ID3v2 tags at the start."""
    at = 0
    while (head := data.take(at, 10))[:3] == b"ID3" and len(head) == 10:
        at += tag_size(head)
    return at


def _is_older_layer(data: View, at: int) -> bool:
    """True where a frame of layer I or II starts at a position; these are not inspected."""
    word = _word(data, at)
    return word >> 21 == 0x7FF and word >> 17 & 3 in (2, 3)


def _audio_end(data: View) -> int:
    """Position of the end of the sound, before an ID3v1 tag."""
    return data.size - 128 if data.size > 128 and data.take(data.size - 128, 3) == b"TAG" else data.size


def _first_frame(data: View, start: int) -> tuple[int, _Header] | None:
    """Position and header of the first frame that is followed by another of the same stream."""
    at = start - 1
    while (at := data.find(b"\xff", at + 1, min(start + _SEARCH, data.size - 3))) >= 0:
        header = _parse_header(_word(data, at))
        if header is None:
            continue
        after = at + header.size
        following = _word(data, after)
        alone = at == start and after >= data.size
        if alone or (_parse_header(following) and _stream_key(following) == _stream_key(header.word)):
            return at, header
    return None


def _xing(data: View, at: int, header: _Header) -> tuple[int, int | None] | None:
    """(frames, bytes) of the Xing header in the frame at `at`; None without one or without a number of frames."""
    tag = at + 4 + header.side + (0 if header.word >> 16 & 1 else 2)
    xing = data.take(tag, 16)
    if xing[:4] not in (b"Xing", b"Info") or len(xing) < 16:
        return None
    flags, first, second = struct.unpack(">III", xing[4:])
    if not flags & 1 or first == 0:
        return None
    return first, (second or None) if flags & 2 else None


@dataclasses.dataclass(frozen=True)
class _Walk:
    """The frames of one stream. runs: byte ranges of contiguous frames; whole: False where the last frame is truncated."""

    header: _Header
    frames: int
    runs: list[tuple[int, int]]
    whole: bool


def _walk(data: View, at: int, end: int, header: _Header) -> tuple[_Walk, tuple[int, _Header] | None]:
    """Walk over the frames of one stream, skipping other bytes; also returns the start of the next stream, or None."""
    key = _stream_key(header.word)
    sizes: dict[int, int] = {}  # frame size by header word: few distinct ones, for up to a million frames
    frames, start = 0, at
    runs: list[tuple[int, int]] = []
    other, truncated = None, False
    while at + 4 <= end and other is None and not truncated:
        word = int.from_bytes(data.take(at, 4), "big")
        size = sizes.get(word)
        if size is None:
            size = sizes[word] = _size(word) if _stream_key(word) == key else 0
        if size and at + size <= end:
            frames, at = frames + 1, at + size
            continue
        runs.append((start, at))
        truncated = size > 0
        if not truncated:
            start, other = _resync(data, at, end, key)
            at = start
    if not truncated:
        runs.append((start, at))
    return _Walk(header, frames, [run for run in runs if run[1] > run[0]], not truncated), other


def _resync(data: View, at: int, end: int, key: int) -> tuple[int, tuple[int, _Header] | None]:
    """Position of the next frame that is followed by another, or `end`; a single match in junk is ignored.

    The start of another stream, confirmed by several frames, is also accepted and returned with its header.
    """
    while 0 <= (at := data.find(b"\xff", at, end)) <= end - 4:
        header = _parse_header(_word(data, at))
        if header is not None and _stream_key(header.word) == key:
            after = at + header.size
            if after == end or (after + 4 <= end and _stream_key(_word(data, after)) == key):
                return at, None
        elif header is not None and _is_stream(data, at, end, header):
            return at, (at, header)
        at += 1
    return end, None


def _is_stream(data: View, at: int, end: int, header: _Header) -> bool:
    """True where a stream starts at a position: several consecutive frames."""
    for _ in range(_CONFIRMING):
        found = _parse_header(_word(data, at)) if at + 4 <= end else None
        if found is None or _stream_key(found.word) != _stream_key(header.word):
            return False
        at += found.size
    return True


def _stream_key(word: int) -> int:
    """The header fields shared by all frames of a stream: sync, version, layer, rate, and mono or not."""
    return word & _SAME | (word >> 6 & 3 == 3)


def _make_xing(header: _Header, count: int) -> bytes:
    """A frame that contains only a Xing header with the number of frames."""
    word = header.word | 1 << 16  # without a checksum
    best = max(((word & ~0xF000) | kbits << 12 for kbits in range(1, 15)), key=lambda candidate: _size(candidate))
    frame = bytearray(_size(best))
    struct.pack_into(">I", frame, 0, best)
    struct.pack_into(">4sII", frame, 4 + header.side, b"Xing", 1, count)
    return bytes(frame)


def _size(word: int) -> int:
    header = _parse_header(word)
    return header.size if header else 0
