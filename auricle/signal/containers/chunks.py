"""Inspection of wav (RIFF, RF64, W64), aiff, caf and au: the bytes of sound that the header declares, compared with the file.

libsndfile silently uses the smaller number, and reads nothing where 0 bytes are declared. Writers that stream (ffmpeg, sox, arecord into
a pipe) or that were killed cannot fill in the size: they leave 0 or a huge number, and the sound extends to the end of the file. A size
of 32 bits overflows in files over 4 GiB; the size of the file then gives the number of overflows. Concatenated files of one format are
read one after another.
Layouts: RIFF and WAVE (Microsoft, 1991), EBU Tech 3306 (RF64), Sony Wave64, AIFF-C (Apple, 1991), Core Audio Format (Apple),
AU (Sun Microsystems).
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from auricle.signal.containers.inspection import Inspection
from auricle.signal.containers.splice import Splice


@dataclasses.dataclass(frozen=True)
class _Layout:
    """The chunk layout of a family of formats: [id][size][content][padding to a multiple of `pad`]."""

    header: int  # bytes before the first chunk
    id_size: int
    size: str  # struct format of the size
    inclusive: bool  # the size includes id and size
    pad: int
    sound: bytes  # start of the id of the sound chunk
    preamble: int = 0  # bytes of the sound chunk before the first sample


_RIFF = _Layout(12, 4, "<I", False, 2, b"data")
LAYOUTS = {
    "wav": _RIFF,
    "aiff": _Layout(12, 4, ">I", False, 2, b"SSND", 8),
    "caf": _Layout(8, 4, ">q", False, 1, b"data", 4),
    "w64": _Layout(40, 16, "<q", True, 8, b"data"),
    "au": _RIFF,  # no chunks: parsed separately
}
_UNKNOWN_32 = ((0x7FFF0000, 0x80000100), (0xFFFF0000, 0xFFFFFFFF))  # left by streaming writers, minus headers
_UNCOMPRESSED_TAGS = 1, 3, 6, 7, 0xFFFE  # WAVE format tags whose block is one sample per channel
_UNCOMPRESSED_AIFC = b"NONE sowt twos raw  fl32 FL32 fl64 FL64 in24 in32".split(b" ")
_MIN_TRAILING = 4096  # bytes after the sound that are too many to be padding
_PROBES = 64  # positions after the sound that are checked where it is followed by zeros
_WRAP = 1 << 32  # range of a 32-bit size
_FILE_IDS = (b"RIFF", b"RF64", b"BW64", b"FORM")  # ids of a whole file, not of a chunk
_SOUND_TYPES = (b"WAVE", b"AIFF", b"AIFC")
_MAX_JOINED = 1000  # concatenated files in one
_AU_SIZE = 8  # position of the size in au
_MAX_CHUNKS = 10_000  # bounds the time for a damaged size


@dataclasses.dataclass(frozen=True)
class _SoundChunk:
    """The position of the sound. declared: bytes, negative where the header marks the size as unknown."""

    size_at: int
    size_form: str  # struct format of the size
    size_extra: int  # bytes that the size includes besides the sound
    start: int
    declared: int
    block: int  # bytes of one sample of all channels; 0 for codecs with many samples per block
    samples: int | None = None  # samples per channel that the header declares in addition


def examine(path: Path) -> Inspection:
    """Compare the declared size with the file's; repair a header that declares no sound although sound follows."""
    with open(path, "rb") as file:
        head = file.read(12)
        inspection = _compare(path, file, head)
        if (prefix := _replacement_id(head)) and inspection.source is None and not inspection.links:
            inspection = dataclasses.replace(inspection, source=Splice(path, [prefix, (len(prefix), file.seek(0, os.SEEK_END))]))
        return inspection


def _replacement_id(head: bytes) -> bytes:
    """The id to replace the first bytes with: BW64 is a newer name of RF64, which libsndfile does not support."""
    return b"RF64" if head[:4] == b"BW64" else b""


def _compare(path: Path, file: IO[bytes], head: bytes) -> Inspection:
    layout = _layout(head)
    end = file.seek(0, os.SEEK_END)
    sound = _read_au(file) if head[:4] == b".snd" else _find_sound(file, layout, end)
    if sound is None:
        return Inspection()
    available = max(0, end - sound.start)
    if sound.declared < 0 or (sound.declared == 0 and available > 0 and not _chunks_follow(file, sound.start, layout, end)):
        source = _repaired(path, sound, available, end) if sound.declared == 0 or available >= _WRAP else None
        return Inspection(source=source, fault=_overflow_fault(sound, available))
    if sound.declared <= available:
        return _inspect_trailing(path, file, layout, sound, end)
    source = _repaired(path, sound, available, end) if head[:4] == b"caff" and available else None  # libsndfile refuses a truncated caf
    return Inspection(declared=sound.declared // sound.block if sound.block else sound.samples, source=source)


def _inspect_trailing(path: Path, file: IO[bytes], layout: _Layout, sound: _SoundChunk, end: int) -> Inspection:
    """Inspect the bytes after the declared sound, where the file is long enough for it."""
    after = sound.start + sound.declared
    after += -after % layout.pad
    starts, stop = _find_joined(file, layout, after, end)
    if len(starts) > 1:
        links = [Splice(path, [(a, b)]) for a, b in itertools.pairwise([*starts, end])]
        return Inspection(links=links, fault="the last of the concatenated recordings is truncated" if stop > end + 1 else None)
    if sound.size_form[1] == "I" and end - after >= _WRAP and not _chunks_follow(file, after, layout, end):
        available = sound.declared + (end - after) // _WRAP * _WRAP
        return Inspection(source=_repaired(path, sound, available, end), fault=_overflow_fault(sound, available))
    return Inspection(fault=_trailing_fault(file, after, end) if sound.declared > 0 else None)


def _find_joined(file: IO[bytes], layout: _Layout, at: int, end: int) -> tuple[list[int], int]:
    """Starts of the concatenated files in this one (the first at 0, its sound ends at `at`), and the end of the last sound."""
    starts = [0]
    while len(starts) < _MAX_JOINED:
        begin = None
        for name, _, start in _walk(file, layout, at, end):
            if name in _FILE_IDS and _read_content(file, start, 4) in _SOUND_TYPES:
                begin = start - 8
            if begin is not None or not all(32 <= byte < 127 for byte in name[:4]):
                break
        sound = None if begin is None else _find_sound(file, layout, end, begin + layout.header)
        if begin is None or sound is None:
            break
        starts.append(begin)
        at = sound.start + max(0, sound.declared)
        at += -at % layout.pad
    return starts, at


def _overflow_fault(sound: _SoundChunk, available: int) -> str | None:
    """The fault of a 32-bit header whose format has no 64-bit variant, where the sound exceeds it."""
    if available < _WRAP or sound.size_form != ">I" or sound.size_at == _AU_SIZE:
        return None
    return f"{available - _WRAP} bytes are beyond the 4 GiB that its header can declare"


def _layout(head: bytes) -> _Layout:
    if head[:4] == b"RIFX":
        return dataclasses.replace(_RIFF, size=">I")
    return {b"FORM": LAYOUTS["aiff"], b"caff": LAYOUTS["caf"], b"riff": LAYOUTS["w64"]}.get(head[:4], _RIFF)


def _walk(file: IO[bytes], layout: _Layout, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(id, declared bytes of content, position of content) of each chunk from `at` on."""
    width = struct.calcsize(layout.size)
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        head = file.read(layout.id_size + width)
        if len(head) < layout.id_size + width:
            return
        size = struct.unpack(layout.size, head[layout.id_size :])[0] - (len(head) if layout.inclusive else 0)
        start = at + len(head)
        yield head[: layout.id_size], size, start
        if size < 0 or start + size > end:
            return
        at = start + size + -(start + size) % layout.pad


def _find_sound(file: IO[bytes], layout: _Layout, end: int, at: int | None = None) -> _SoundChunk | None:
    """Find the sound of the file whose first chunk is at `at`."""
    block, samples = 0, None
    long: tuple[int, int] | None = None  # position and value of RF64's 64-bit size of the sound
    for name, size, start in _walk(file, layout, layout.header if at is None else at, end):
        if name.startswith(layout.sound):
            width = struct.calcsize(layout.size)
            size_field = start - width, layout.size, layout.preamble + (layout.id_size + width if layout.inclusive else 0)
            if long is not None and size == 0xFFFFFFFF:
                size_field, size = (long[0], "<Q", 0), long[1]
            elif layout.size[1] == "I" and any(low <= size <= high for low, high in _UNKNOWN_32):
                size = -1
            return _SoundChunk(*size_field, start + layout.preamble, size if size <= 0 else max(0, size - layout.preamble), block, samples)
        content = _read_content(file, start, min(size, 40))
        if name == b"ds64" and len(content) >= 16:
            long = start + 8, struct.unpack("<q", content[8:16])[0]
        if name == b"fact" and len(content) >= 4:
            samples = int(struct.unpack(layout.size[0] + "I", content[:4])[0])
        block = _block(name, content, layout) or block
    return None


def _read_content(file: IO[bytes], start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(max(0, size))


def _block(name: bytes, content: bytes, layout: _Layout) -> int:
    """Bytes of one sample of all channels, from the format chunk; 0 for codecs with many samples per block."""
    if name[:4] == b"fmt " and len(content) >= 16:
        order = layout.size[0]
        tag, align = struct.unpack(order + "H", content[:2])[0], struct.unpack(order + "H", content[12:14])[0]
        return int(align) if tag in _UNCOMPRESSED_TAGS else 0
    if name == b"COMM" and len(content) >= 18:
        channels, _, bits = struct.unpack(">hIh", content[:8])
        return channels * ((bits + 7) // 8) if len(content) < 22 or content[18:22] in _UNCOMPRESSED_AIFC else 0
    if name == b"desc" and len(content) >= 32:
        per_packet, frames = struct.unpack(">II", content[16:24])
        return int(per_packet) if frames == 1 else 0
    return 0


def _read_au(file: IO[bytes]) -> _SoundChunk | None:
    file.seek(0)
    head = file.read(24)
    if len(head) < 24:
        return None
    _, start, declared, code, _, channels = struct.unpack(">6I", head)
    width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(code, 0)
    return _SoundChunk(_AU_SIZE, ">I", 0, start, -1 if declared == 0xFFFFFFFF else declared, width * channels)


def _trailing_fault(file: IO[bytes], at: int, end: int) -> str | None:
    """The sign that the header declares too little: bytes after the sound that are neither a chunk nor padding; or None."""
    tail = _read_content(file, at, _MIN_TRAILING)
    if tail[:4] in (b"riff", b"caff", b".snd"):
        return "another recording follows in the same file"
    if len(tail) < _MIN_TRAILING or tail[:3] in (b"TAG", b"ID3") or (any(tail[:4]) and all(32 <= byte < 127 for byte in tail[:4])):
        return None
    if not any(tail):  # recorders reserve space, and sound may begin with silence: check later bytes
        positions = range(at + _MIN_TRAILING, end - _MIN_TRAILING + 1, max(_MIN_TRAILING, (end - at) // _PROBES))
        if not any(any(_read_content(file, position, _MIN_TRAILING)) for position in positions):
            return None
    return f"{end - at} bytes follow that its header does not declare"


def _chunks_follow(file: IO[bytes], at: int, layout: _Layout, end: int) -> bool:
    """True where an empty sound chunk is followed by other chunks up to the end, so that the file really has no sound."""
    position = at
    for name, size, start in _walk(file, layout, at, end):
        if size < 0 or start + size > end or not all(32 <= byte < 127 for byte in name[:4]):
            return False
        position = start + size
    return position > at and end - position <= layout.pad


def _repaired(path: Path, sound: _SoundChunk, available: int, end: int) -> Splice:
    """A view of the file with a header that declares `available` bytes of sound; a wav over 4 GiB becomes an RF64."""
    size = available + sound.size_extra
    after_size = sound.size_at + struct.calcsize(sound.size_form)
    if sound.size_form == "<I" and size >= _WRAP - 1:
        sizes = struct.pack("<4sIQQQI", b"ds64", 28, end + 28, size, 0, 0)
        return Splice(path, [b"RF64\xff\xff\xff\xffWAVE" + sizes, (12, sound.size_at), b"\xff\xff\xff\xff", (after_size, end)])
    if sound.size_form[1] == "I":
        size = min(size, 0xFFFFFFFF if sound.size_at == _AU_SIZE else 0xFFFFFFFE)  # all ones means up to the end in au
    with open(path, "rb") as file:
        prefix = _replacement_id(file.read(4))
    return Splice(path, [prefix, (len(prefix), sound.size_at), struct.pack(sound.size_form, size), (after_size, end)])
