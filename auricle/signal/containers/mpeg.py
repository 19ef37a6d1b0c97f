"""mp3: its frames are counted, because libsndfile believes the Xing header or guesses from the first frames.

The guess is wrong wherever the bit rate varies, and a header is wrong where files were joined or cut apart; libsndfile then stops early
or claims sound that was never there. Where the count differs the file is decoded through a view that starts with a header of our own.
Where frames of another rate or number of channels follow, they are a recording of their own in the same file.
Layout: ISO/IEC 11172-3 section 2.4.1.3 (frame header); "MP3 Info Tag revision 1" (Gabriel Bouvigne) for the Xing header.
"""

from __future__ import annotations

import dataclasses
import functools
import struct
from pathlib import Path

from auricle.signal.containers.inspection import Finding
from auricle.signal.containers.kind import tag_size
from auricle.signal.containers.splice import Splice
from auricle.signal.containers.view import View

_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # MPEG 1 layer III
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # MPEG 2 and 2.5 layer III
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # Hz by version bits
_SAME = 0xFFFE0C00  # bits of sync, version, layer and rate
_SEARCH = 1 << 16  # bytes in which the first frame must start
_SURE = 8  # frames in a row that show that another stream starts, and no chance pattern
_MOST_STREAMS = 1000  # in one file, more than anybody joins


@dataclasses.dataclass(frozen=True)
class _Header:
    """One frame's header. size: bytes of the frame; samples: per channel; side: bytes of side information."""

    word: int
    size: int
    samples: int
    side: int


def _header(word: int) -> _Header | None:
    """Read the 32 bits of a layer III frame header; None where they are not one."""
    version, layer, kbits, rate = word >> 19 & 3, word >> 17 & 3, word >> 12 & 15, word >> 10 & 3
    if word >> 21 != 0x7FF or version == 1 or layer != 1 or kbits in (0, 15) or rate == 3:
        return None
    first = version == 3
    bits = (_KBITS_1 if first else _KBITS_2)[kbits] * 1000
    size = (144 if first else 72) * bits // _RATES[version][rate] + (word >> 9 & 1)
    mono = word >> 6 & 3 == 3
    return _Header(word, size, 1152 if first else 576, (17 if mono else 32) if first else (9 if mono else 17))


def examine(path: Path) -> Finding:
    """Count the frames; trust a Xing header that fits them, else give a view whose header does, or one of each stream in the file."""
    with View(path) as data:
        start = _skip_tags(data)
        found = _first_frame(data, start)
        if found is None:
            return Finding() if _older_layer(data, start) else Finding(hopeless="no mp3 frames are in it")
        at, header = found
        told, end = _xing(data, at, header), _audio_end(data)
        streams = _streams(data, at, end, header)
        size = data.size
    first, last = streams[0], streams[-1]
    fault = None if last.whole else "its last frame is cut off"
    if len(streams) > 1:
        return Finding(fault=fault, links=[Splice(path, [_make_xing(one.header, one.frames), *one.runs]) for one in streams])
    if told is not None and _fits(told, first, end - at):
        source = None if at == start else Splice(path, [(at, size)])  # libmpg123 searches no further than 1024 bytes
        return Finding(source=source, mend=functools.partial(_mend, path))
    if first.frames == 0:
        return Finding(hopeless="no mp3 frames are in it")
    return Finding(fault=fault, source=Splice(path, [_make_xing(header, first.frames), *first.runs]))


def _fits(told: tuple[int, int | None], walk: _Walk, there: int) -> bool:
    """Whether a Xing header (frames, bytes) is true of `there` bytes of frames, or was before the file was cut or damaged."""
    frames, bytes_told = told
    if frames <= walk.frames + 1:
        return frames >= walk.frames - 1
    cut = bytes_told is None or there < bytes_told
    return cut or len(walk.runs) > 1


def _streams(data: View, at: int, end: int, header: _Header) -> list[_Walk]:
    """The streams of unlike rate or number of channels that follow each other from `at` on; one without frames only if it is alone."""
    found: list[_Walk] = []
    following: tuple[int, _Header] | None = (at, header)
    while following is not None and len(found) < _MOST_STREAMS:
        at, header = following
        if _xing(data, at, header) is not None or data.take(at + 36, 4) == b"VBRI":
            at += header.size  # the header's own frame holds no sound
        walk, following = _walk(data, at, end, header)
        found.append(walk)
    return [walk for walk in found if walk.frames] or found[:1]


def _mend(path: Path) -> tuple[Splice, int] | None:
    """A view of the frames alone, and the samples that what lies between them once was; None where nothing lies between."""
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
    """Where the ID3v2 tags at the start end."""
    at = 0
    while (head := data.take(at, 10))[:3] == b"ID3" and len(head) == 10:
        at += tag_size(head)
    return at


def _older_layer(data: View, at: int) -> bool:
    """Whether a frame of layer I or II starts there: those are left to the decoder."""
    word = _word(data, at)
    return word >> 21 == 0x7FF and word >> 17 & 3 in (2, 3)


def _audio_end(data: View) -> int:
    """Where the sound ends: before an ID3v1 tag."""
    return data.size - 128 if data.size > 128 and data.take(data.size - 128, 3) == b"TAG" else data.size


def _first_frame(data: View, start: int) -> tuple[int, _Header] | None:
    """The first frame that another one of the same stream follows, and where it starts."""
    at = start - 1
    while (at := data.find(b"\xff", at + 1, min(start + _SEARCH, data.size - 3))) >= 0:
        header = _header(_word(data, at))
        if header is None:
            continue
        after = at + header.size
        following = _word(data, after)
        alone = at == start and after >= data.size
        if alone or (_header(following) and _key(following) == _key(header.word)):
            return at, header
    return None


def _xing(data: View, at: int, header: _Header) -> tuple[int, int | None] | None:
    """(frames, bytes) that the Xing header in the frame at `at` tells; None where there is none or it does not count frames."""
    tag = at + 4 + header.side + (0 if header.word >> 16 & 1 else 2)
    told = data.take(tag, 16)
    if told[:4] not in (b"Xing", b"Info") or len(told) < 16:
        return None
    flags, first, second = struct.unpack(">III", told[4:])
    if not flags & 1 or first == 0:
        return None
    return first, (second or None) if flags & 2 else None


@dataclasses.dataclass(frozen=True)
class _Walk:
    """Where the frames of one stream lie. runs: byte ranges of frames that follow each other; whole: the last one is not cut off."""

    header: _Header
    frames: int
    runs: list[tuple[int, int]]
    whole: bool


def _walk(data: View, at: int, end: int, header: _Header) -> tuple[_Walk, tuple[int, _Header] | None]:
    """Step from frame to frame of one stream, over bytes that are none of them; where another stream starts instead, if one does."""
    key = _key(header.word)
    sizes: dict[int, int] = {}  # bytes by header: a stream has few distinct ones, and there may be a million frames
    frames, start = 0, at
    runs: list[tuple[int, int]] = []
    other, cut = None, False
    while at + 4 <= end and other is None and not cut:
        word = int.from_bytes(data.take(at, 4), "big")
        size = sizes.get(word)
        if size is None:
            size = sizes[word] = _size(word) if _key(word) == key else 0
        if size and at + size <= end:
            frames, at = frames + 1, at + size
            continue
        runs.append((start, at))
        cut = size > 0
        if not cut:
            start, other = _resync(data, at, end, key)
            at = start
    if not cut:
        runs.append((start, at))
    return _Walk(header, frames, [run for run in runs if run[1] > run[0]], not cut), other


def _resync(data: View, at: int, end: int, key: int) -> tuple[int, tuple[int, _Header] | None]:
    """Where the next frame starts that another one follows, or the end: a lone pattern in junk is no frame.

    Frames of another stream count where many follow each other; then that place comes with its header too.
    """
    while 0 <= (at := data.find(b"\xff", at, end)) <= end - 4:
        header = _header(_word(data, at))
        if header is not None and _key(header.word) == key:
            after = at + header.size
            if after == end or (after + 4 <= end and _key(_word(data, after)) == key):
                return at, None
        elif header is not None and _is_sure(data, at, end, header):
            return at, (at, header)
        at += 1
    return end, None


def _is_sure(data: View, at: int, end: int, header: _Header) -> bool:
    """Whether a stream starts there: several frames in a row."""
    for _ in range(_SURE):
        found = _header(_word(data, at)) if at + 4 <= end else None
        if found is None or _key(found.word) != _key(header.word):
            return False
        at += found.size
    return True


def _key(word: int) -> int:
    """What all frames of a stream share: sync, version, layer, rate, and whether there is one channel."""
    return word & _SAME | (word >> 6 & 3 == 3)


def _make_xing(header: _Header, count: int) -> bytes:
    """A frame that holds nothing but a Xing header with the number of frames."""
    word = header.word | 1 << 16  # without a checksum
    best = max(((word & ~0xF000) | kbits << 12 for kbits in range(1, 15)), key=lambda candidate: _size(candidate))
    frame = bytearray(_size(best))
    struct.pack_into(">I", frame, 0, best)
    struct.pack_into(">4sII", frame, 4 + header.side, b"Xing", 1, count)
    return bytes(frame)


def _size(word: int) -> int:
    header = _header(word)
    return header.size if header else 0
