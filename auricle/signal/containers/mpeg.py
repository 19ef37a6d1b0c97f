"""mp3: its number of frames from the Xing header, or counted, because libsndfile guesses it from the first frames.

The guess is wrong wherever the bit rate varies, and libsndfile then stops early or claims sound that was never there. Where no
header tells, the frames are counted here and the file is decoded through a view that starts with a header that does.
Layout: ISO/IEC 11172-3 section 2.4.1.3 (frame header); "MP3 Info Tag revision 1" (Gabriel Bouvigne) for the Xing header.
"""

from __future__ import annotations

import dataclasses
import functools
import struct
from pathlib import Path

from auricle.signal.containers import Finding, tag_size
from auricle.signal.containers.splice import Splice
from auricle.signal.containers.view import View

_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # MPEG 1 layer III
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # MPEG 2 and 2.5 layer III
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # Hz by version bits
_SAME = 0xFFFE0C00  # sync, version, layer, rate: what all frames of a stream share
_SEARCH = 1 << 16  # bytes in which the first frame must start


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
    """Trust a Xing header that fits the file; else count the frames and give a view whose header says so."""
    with View(path) as data:
        start = _skip_tags(data)
        found = _first_frame(data, start)
        if found is None:
            return Finding() if _older_layer(data, start) else Finding(hopeless="no mp3 frames are in it")
        at, header = found
        told = _xing(data, at, header)
        audio_end = _audio_end(data)
        if told is not None and (told[1] is None or audio_end - at <= told[1] * 1.01 + 4096):
            source = None if at == start else Splice(path, [(at, data.size)])  # libmpg123 searches no further than 1024 bytes
            return Finding(source=source, mend=functools.partial(_mend, path))
        if told is not None or data.take(at + 36, 4) == b"VBRI":
            at += header.size  # the header's own frame holds no sound
        walk = _walk(data, at, audio_end, header.word)
    if walk.frames == 0:
        return Finding(hopeless="no mp3 frames are in it")
    source = Splice(path, [_make_xing(header, walk.frames), *walk.runs])
    return Finding(fault=None if walk.whole else "its last frame is cut off", source=source)


def _mend(path: Path) -> tuple[Splice, int] | None:
    """A view of the frames alone, and the samples that what lies between them once was; None where nothing lies between."""
    with View(path) as data:
        found = _first_frame(data, _skip_tags(data))
        if found is None:
            return None
        at, header = found
        walk = _walk(data, at, _audio_end(data), header.word)
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
        if alone or (_header(following) and (following ^ header.word) & _SAME == 0):
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
    """Where the frames lie. runs: byte ranges of frames that follow each other; whole: the last one is not cut off."""

    frames: int
    runs: list[tuple[int, int]]
    whole: bool


def _walk(data: View, at: int, end: int, first: int) -> _Walk:
    """Step from frame to frame, over bytes that are no frames of the stream that starts with the header `first`."""
    sizes: dict[int, int] = {}  # bytes by header: a stream has few distinct ones, and there may be a million frames
    frames, start = 0, at
    runs: list[tuple[int, int]] = []
    while at + 4 <= end:
        word = int.from_bytes(data.take(at, 4), "big")
        size = sizes.get(word)
        if size is None:
            size = sizes[word] = _size(word) if (word ^ first) & _SAME == 0 else 0
        if size and at + size <= end:
            frames, at = frames + 1, at + size
            continue
        runs.append((start, at))
        if size:
            return _Walk(frames, [run for run in runs if run[1] > run[0]], False)
        start = at = _resync(data, at, end, first)
    return _Walk(frames, [run for run in [*runs, (start, at)] if run[1] > run[0]], True)


def _resync(data: View, at: int, end: int, first: int) -> int:
    """Where the next frame starts that another one follows, or the end: a lone pattern in junk is no frame."""
    while 0 <= (at := data.find(b"\xff", at + 1, end)) <= end - 4:
        size = _size(_word(data, at)) if (_word(data, at) ^ first) & _SAME == 0 else 0
        after = at + size
        if size and (after == end or (after + 4 <= end and (_word(data, after) ^ first) & _SAME == 0)):
            return at
    return end


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
