"""What a file's own bytes say that its decoder does not: how long it claims to be, and where it was cut."""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

_HEAD = 400  # bytes that tell what a file is: the third packet of a transport stream begins at 388 at the latest


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was found beside the decoder.

    declared: samples per channel that the file claims, where that may be more than the decoder will say.
    clock: samples a second of what is declared, Hz; 0 where that is the file's rate.
    fault: what shows that the file was cut. hopeless: why no decoder should be tried.
    source: a mended view of the file to decode instead. links: views of the recordings of which the file is a chain.
    mend: for a file that breaks while it is decoded: a view without the junk in it, and how many samples that junk once was.
    """

    declared: int | None = None
    clock: int = 0
    fault: str | None = None
    hopeless: str | None = None
    source: io.RawIOBase | None = None
    links: Sequence[io.RawIOBase] = ()
    mend: Callable[[], tuple[io.RawIOBase, int] | None] | None = None


def kind(path: str | os.PathLike[str]) -> str | None:
    """What the file's first bytes say that it is: a name in formats.FORMATS; None for what is not known. Its name says nothing."""
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        while head[:3] == b"ID3" and len(head) >= 10:  # a tag that stands in front of mp3, aac or flac
            file.seek(tag_size(head) - len(head), os.SEEK_CUR)
            head = file.read(_HEAD)
            if not head:
                return "mp3"
    return _kind(head)


def tag_size(head: bytes) -> int:
    """Bytes of the ID3v2 tag whose first 10 bytes these are (id3.org, "ID3 tag version 2.4.0", 3.1)."""
    a, b, c, d = head[6:10]
    return 10 + ((a & 127) << 21 | (b & 127) << 14 | (c & 127) << 7 | d & 127) + (10 if head[5] & 0x10 else 0)


def _kind(head: bytes) -> str | None:
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] in (b"WAVE", b"AVI "):
        return "wav" if head[8:12] == b"WAVE" else "avi"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "mov"
    if any(head[start : start + 2 * step + 1 : step] == b"GGG" for start, step in ((0, 188), (4, 192))):
        return "mpegts"
    if head[:2] == b"\x0b\x77" and len(head) > 5:
        return "ac3" if head[5] >> 3 <= 10 else "eac3"
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:  # ADTS: twelve sync bits, layer 0
        return "aac"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "mp3"
    return None


_MAGIC = {
    b"fLaC": "flac",
    b"OggS": "ogg",
    b".snd": "au",
    b"caff": "caf",
    b"riff\x2e\x91\xcf\x11": "w64",
    b"\x1a\x45\xdf\xa3": "matroska",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "asf",
    b"#!AMR": "amr",
    b"FLV\x01": "flv",
    b"\0\0\1\xba": "mpeg",
    b"wvpk": "wavpack",
    b"TTA1": "tta",
}


def examine(path: str | os.PathLike[str], kind: str) -> Finding:
    """Look at a file of a kind that libsndfile decodes, beside its decoder."""
    from auricle.signal.containers import chunks, mpeg, ogg

    look = {"flac": _nothing, "ogg": ogg.examine, "mp3": mpeg.examine}.get(kind, chunks.examine)
    return look(Path(path))


def _nothing(path: Path) -> Finding:
    """flac says how long it is, and its decoder says where it breaks."""
    return Finding()
