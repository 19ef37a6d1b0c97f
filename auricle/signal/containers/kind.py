"""Detection of a file's format by its first bytes."""

from __future__ import annotations

import os

_HEAD_BYTES = 400  # bytes that identify a format: the third packet of a transport stream begins at 388 at the latest


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """Detect the format of a file by its first bytes, not its name: a name in formats.FORMATS, or None."""
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
        while head[:3] == b"ID3" and len(head) >= 10:  # a tag in front of mp3, aac or flac
            file.seek(tag_size(head) - len(head), os.SEEK_CUR)
            head = file.read(_HEAD_BYTES)
            if not head:
                return "mp3"
    return _kind(head)


def tag_size(head: bytes) -> int:
    """Size in bytes of the ID3v2 tag with these first 10 bytes (id3.org, "ID3 tag version 2.4.0", 3.1)."""
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
