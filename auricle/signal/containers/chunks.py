"""wav (RIFF, RF64, W64), aiff, caf and au: how many bytes of sound the header claims, against how many there are.

libsndfile takes the smaller number without a word, and takes a claim of none at its word. Writers that stream (ffmpeg, sox,
arecord into a pipe) or that were killed cannot fill in the size: they leave 0 or a huge number, and the sound goes on to the end.
A size of 32 bits wraps around where a file grows over 4 GiB; the file's own size then tells how often. Files of one kind that were
joined end to end are heard one after another.
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

from auricle.signal.containers.inspection import Finding
from auricle.signal.containers.splice import Splice


@dataclasses.dataclass(frozen=True)
class _Style:
    """How a family of files writes its chunks: [id][size][content][padding to a multiple of `pad`]."""

    header: int  # bytes before the first chunk
    id_size: int
    size: str  # struct format of the size
    inclusive: bool  # the size counts id and size too
    pad: int
    sound: bytes  # start of the id of the chunk that holds the sound
    preamble: int = 0  # bytes of the sound chunk before the first sample


_RIFF = _Style(12, 4, "<I", False, 2, b"data")
STYLES = {
    "wav": _RIFF,
    "aiff": _Style(12, 4, ">I", False, 2, b"SSND", 8),
    "caf": _Style(8, 4, ">q", False, 1, b"data", 4),
    "w64": _Style(40, 16, "<q", True, 8, b"data"),
    "au": _RIFF,  # no chunks: read apart
}
_UNKNOWN_32 = ((0x7FFF0000, 0x80000100), (0xFFFF0000, 0xFFFFFFFF))  # what streaming writers leave, less the headers they subtract
_CODED_IN_FRAMES = 1, 3, 6, 7, 0xFFFE  # WAVE format tags whose block is one sample of each channel
_PLAIN_AIFC = b"NONE sowt twos raw  fl32 FL32 fl64 FL64 in24 in32".split(b" ")
_UNCOUNTED = 4096  # bytes behind the sound that are too many to be padding
_PROBES = 64  # places at which bytes behind the sound are looked at, where they begin with zeros
_WRAP = 1 << 32  # at which a size of 32 bits starts from zero again
_FORMS = (b"RIFF", b"RF64", b"BW64", b"FORM")  # ids that are those of a whole file, not of a chunk in it
_SOUND_FORMS = (b"WAVE", b"AIFF", b"AIFC")
_MOST_JOINED = 1000  # files in one, more than anybody joins
_AU_SIZE = 8  # where au writes its size
_MOST_CHUNKS = 10_000  # more than any writer makes; a damaged size must not send us on a long walk


@dataclasses.dataclass(frozen=True)
class _Sound:
    """Where the sound lies. claimed: bytes, negative where the header says that it does not know."""

    size_at: int
    size_form: str  # struct format of the size
    size_more: int  # bytes that the size counts beside the sound
    start: int
    claimed: int
    block: int  # bytes of one sample of all channels; 0 for codecs whose blocks hold many
    samples: int | None = None  # samples per channel that the header claims beside the bytes


def examine(path: Path) -> Finding:
    """Compare the claim with the file's size; mend the header where it claims nothing though sound follows."""
    with open(path, "rb") as file:
        head = file.read(12)
        finding = _compared(path, file, head)
        if (opening := _opening(head)) and finding.source is None and not finding.links:
            finding = dataclasses.replace(finding, source=Splice(path, [opening, (len(opening), file.seek(0, os.SEEK_END))]))
        return finding


def _opening(head: bytes) -> bytes:
    """What a file has to begin with instead: BW64 is a later name of RF64, which libsndfile does not know."""
    return b"RF64" if head[:4] == b"BW64" else b""


def _compared(path: Path, file: IO[bytes], head: bytes) -> Finding:
    style = _style(head)
    end = file.seek(0, os.SEEK_END)
    sound = _au(file) if head[:4] == b".snd" else _find(file, style, end)
    if sound is None:
        return Finding()
    there = max(0, end - sound.start)
    if sound.claimed < 0 or (sound.claimed == 0 and there > 0 and not _chunks_follow(file, sound.start, style, end)):
        source = _mended(path, sound, there, end) if sound.claimed == 0 or there >= _WRAP else None
        return Finding(source=source, fault=_beyond(sound, there))
    if sound.claimed <= there:
        return _counted(path, file, style, sound, end)
    source = _mended(path, sound, there, end) if head[:4] == b"caff" and there else None  # libsndfile refuses a cut caf
    return Finding(declared=sound.claimed // sound.block if sound.block else sound.samples, source=source)


def _counted(path: Path, file: IO[bytes], style: _Style, sound: _Sound, end: int) -> Finding:
    """What to make of a claim that the file can hold, by what lies behind the claimed sound."""
    after = sound.start + sound.claimed
    after += -after % style.pad
    starts, stop = _joined(file, style, after, end)
    if len(starts) > 1:
        links = [Splice(path, [(a, b)]) for a, b in itertools.pairwise([*starts, end])]
        return Finding(links=links, fault="the last of the recordings joined in it is cut off" if stop > end + 1 else None)
    if sound.size_form[1] == "I" and end - after >= _WRAP and not _chunks_follow(file, after, style, end):
        there = sound.claimed + (end - after) // _WRAP * _WRAP
        return Finding(source=_mended(path, sound, there, end), fault=_beyond(sound, there))
    return Finding(fault=_uncounted(file, after, end) if sound.claimed > 0 else None)


def _joined(file: IO[bytes], style: _Style, at: int, end: int) -> tuple[list[int], int]:
    """Where the files start that were joined to be this one, the first at 0, its sound ending at `at`; and where the last sound ends."""
    starts = [0]
    while len(starts) < _MOST_JOINED:
        begin = None
        for name, _, start in _walk(file, style, at, end):
            if name in _FORMS and _content(file, start, 4) in _SOUND_FORMS:
                begin = start - 8
            if begin is not None or not all(32 <= byte < 127 for byte in name[:4]):
                break
        sound = None if begin is None else _find(file, style, end, begin + style.header)
        if begin is None or sound is None:
            break
        starts.append(begin)
        at = sound.start + max(0, sound.claimed)
        at += -at % style.pad
    return starts, at


def _beyond(sound: _Sound, there: int) -> str | None:
    """What to say where a header of 32 bits has no wider kin that could count the sound."""
    if there < _WRAP or sound.size_form != ">I" or sound.size_at == _AU_SIZE:
        return None
    return f"{there - _WRAP} bytes lie beyond the 4 GiB that its header can count"


def _style(head: bytes) -> _Style:
    if head[:4] == b"RIFX":
        return dataclasses.replace(_RIFF, size=">I")
    return {b"FORM": STYLES["aiff"], b"caff": STYLES["caf"], b"riff": STYLES["w64"]}.get(head[:4], _RIFF)


def _walk(file: IO[bytes], style: _Style, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(id, claimed bytes of content, position of content) of each chunk from `at` on."""
    width = struct.calcsize(style.size)
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(style.id_size + width)
        if len(head) < style.id_size + width:
            return
        size = struct.unpack(style.size, head[style.id_size :])[0] - (len(head) if style.inclusive else 0)
        start = at + len(head)
        yield head[: style.id_size], size, start
        if size < 0 or start + size > end:
            return
        at = start + size + -(start + size) % style.pad


def _find(file: IO[bytes], style: _Style, end: int, at: int | None = None) -> _Sound | None:
    """Where the sound lies of the file whose first chunk is at `at`."""
    block, samples = 0, None
    long: tuple[int, int] | None = None  # where RF64 writes the size that the sound's chunk has no room for, and the size
    for name, size, start in _walk(file, style, style.header if at is None else at, end):
        if name.startswith(style.sound):
            width = struct.calcsize(style.size)
            place = start - width, style.size, style.preamble + (style.id_size + width if style.inclusive else 0)
            if long is not None and size == 0xFFFFFFFF:
                place, size = (long[0], "<Q", 0), long[1]
            elif style.size[1] == "I" and any(low <= size <= high for low, high in _UNKNOWN_32):
                size = -1
            return _Sound(*place, start + style.preamble, size if size <= 0 else max(0, size - style.preamble), block, samples)
        content = _content(file, start, min(size, 40))
        if name == b"ds64" and len(content) >= 16:
            long = start + 8, struct.unpack("<q", content[8:16])[0]
        if name == b"fact" and len(content) >= 4:
            samples = int(struct.unpack(style.size[0] + "I", content[:4])[0])
        block = _block(name, content, style) or block
    return None


def _content(file: IO[bytes], start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(max(0, size))


def _block(name: bytes, content: bytes, style: _Style) -> int:
    """Bytes of one sample of all channels, from the chunk that describes the format; 0 where the codec packs many."""
    if name[:4] == b"fmt " and len(content) >= 16:
        order = style.size[0]
        tag, align = struct.unpack(order + "H", content[:2])[0], struct.unpack(order + "H", content[12:14])[0]
        return int(align) if tag in _CODED_IN_FRAMES else 0
    if name == b"COMM" and len(content) >= 18:
        channels, _, bits = struct.unpack(">hIh", content[:8])
        return channels * ((bits + 7) // 8) if len(content) < 22 or content[18:22] in _PLAIN_AIFC else 0
    if name == b"desc" and len(content) >= 32:
        per_packet, frames = struct.unpack(">II", content[16:24])
        return int(per_packet) if frames == 1 else 0
    return 0


def _au(file: IO[bytes]) -> _Sound | None:
    file.seek(0)
    head = file.read(24)
    if len(head) < 24:
        return None
    _, start, claimed, code, _, channels = struct.unpack(">6I", head)
    width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(code, 0)
    return _Sound(_AU_SIZE, ">I", 0, start, -1 if claimed == 0xFFFFFFFF else claimed, width * channels)


def _uncounted(file: IO[bytes], at: int, end: int) -> str | None:
    """What shows that the header counts less than there is: bytes behind the sound that begin no chunk and are no padding."""
    tail = _content(file, at, _UNCOUNTED)
    if tail[:4] in (b"riff", b"caff", b".snd"):
        return "another recording follows in the same file"
    if len(tail) < _UNCOUNTED or tail[:3] in (b"TAG", b"ID3") or (any(tail[:4]) and all(32 <= byte < 127 for byte in tail[:4])):
        return None
    if not any(tail):  # recorders reserve room, and sound may begin with silence: only what comes later tells
        places = range(at + _UNCOUNTED, end - _UNCOUNTED + 1, max(_UNCOUNTED, (end - at) // _PROBES))
        if not any(any(_content(file, place, _UNCOUNTED)) for place in places):
            return None
    return f"{end - at} bytes follow that its header does not count"


def _chunks_follow(file: IO[bytes], at: int, style: _Style, end: int) -> bool:
    """Whether what follows an empty sound chunk is more chunks up to the end: then there is no sound indeed."""
    position = at
    for name, size, start in _walk(file, style, at, end):
        if size < 0 or start + size > end or not all(32 <= byte < 127 for byte in name[:4]):
            return False
        position = start + size
    return position > at and end - position <= style.pad


def _mended(path: Path, sound: _Sound, there: int, end: int) -> Splice:
    """The file with the size of its sound written as the `there` bytes that it has; a wav over 4 GiB becomes an RF64."""
    size = there + sound.size_more
    behind = sound.size_at + struct.calcsize(sound.size_form)
    if sound.size_form == "<I" and size >= _WRAP - 1:
        sizes = struct.pack("<4sIQQQI", b"ds64", 28, end + 28, size, 0, 0)
        return Splice(path, [b"RF64\xff\xff\xff\xffWAVE" + sizes, (12, sound.size_at), b"\xff\xff\xff\xff", (behind, end)])
    if sound.size_form[1] == "I":
        size = min(size, 0xFFFFFFFF if sound.size_at == _AU_SIZE else 0xFFFFFFFE)  # all ones: up to the end, in au
    with open(path, "rb") as file:
        opening = _opening(file.read(4))
    return Splice(path, [opening, (len(opening), sound.size_at), struct.pack(sound.size_form, size), (behind, end)])
