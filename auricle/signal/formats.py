"""What can be read: one row a format, from which suffixes, media types, decoders and messages are derived (docs/start.md lists them)."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Format:
    """A kind of file. Its first bytes tell it, its name does not.

    words: what messages call it. suffixes: by which folders are searched for it. media: its media type. decoder: "libsndfile", or "av"
    for PyAV (FFmpeg); what libsndfile does not know of its own formats goes to PyAV too. demuxer: FFmpeg's name for it.
    clock: what its time stamps count from: its "start", "anywhere" (then the first one is taken for the start), or None without stamps.
    ambiguous: suffixes that other kinds of files have as well, so that a folder's files must be looked into.
    """

    words: str
    suffixes: tuple[str, ...]
    media: str
    decoder: Literal["libsndfile", "av"]
    demuxer: str
    clock: Literal["start", "anywhere"] | None = "start"
    ambiguous: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "wav": Format("wav", (".wav", ".wave", ".bwf", ".rf64"), "audio/wav", "libsndfile", "wav"),
    "w64": Format("w64", (".w64",), "audio/x-w64", "libsndfile", "w64"),
    "flac": Format("flac", (".flac",), "audio/flac", "libsndfile", "flac"),
    "ogg": Format("ogg, opus", (".ogg", ".oga", ".opus", ".spx"), "audio/ogg", "libsndfile", "ogg"),
    "mp3": Format("mp3", (".mp3", ".mp2"), "audio/mpeg", "libsndfile", "mp3"),
    "aiff": Format("aiff", (".aif", ".aiff", ".aifc"), "audio/aiff", "libsndfile", "aiff"),
    "au": Format("au", (".au", ".snd"), "audio/basic", "libsndfile", "au"),
    "caf": Format("caf", (".caf",), "audio/x-caf", "libsndfile", "caf"),
    "mov": Format("m4a, mp4, mov, 3gp", (".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".3g2"), "audio/mp4", "av", "mov"),
    "matroska": Format("webm, mkv", (".webm", ".weba", ".mka", ".mkv"), "audio/webm", "av", "matroska"),
    "aac": Format("aac", (".aac",), "audio/aac", "av", "aac", None),
    "asf": Format("wma", (".wma", ".wmv", ".asf"), "audio/x-ms-wma", "av", "asf"),
    "amr": Format("amr", (".amr", ".awb"), "audio/amr", "av", "amr", None),
    "avi": Format("avi", (".avi",), "video/x-msvideo", "av", "avi"),
    "mpegts": Format(
        "ts",
        (".ts", ".m2ts", ".mts"),
        "video/mp2t",
        "av",
        "mpegts",
        "anywhere",
        (".ts", ".mts"),  # TypeScript has these too
    ),
    "mpeg": Format("mpg", (".mpg", ".mpeg", ".vob"), "video/mpeg", "av", "mpeg", "anywhere"),
    "flv": Format("flv", (".flv",), "video/x-flv", "av", "flv"),
    "ac3": Format("ac3", (".ac3",), "audio/ac3", "av", "ac3", None),
    "eac3": Format("eac3", (".eac3", ".ec3"), "audio/eac3", "av", "eac3", None),
    "wavpack": Format("wv", (".wv",), "audio/x-wavpack", "av", "wv"),
    "tta": Format("tta", (".tta",), "audio/x-tta", "av", "tta"),
}

#: Suffixes of all formats, small letters.
SUFFIXES = frozenset(suffix for row in FORMATS.values() for suffix in row.suffixes)
_AMBIGUOUS = frozenset(suffix for row in FORMATS.values() for suffix in row.ambiguous)
#: Media type by suffix.
MEDIA = {suffix: row.media for row in FORMATS.values() for suffix in row.suffixes}


def spoken(decoder: Literal["libsndfile", "av"]) -> str:
    """The formats of one decoder as a list in words."""
    return ", ".join(row.words for row in FORMATS.values() if row.decoder == decoder)


def is_recording(path: str | os.PathLike[str]) -> bool:
    """Whether a file in a folder is one to listen to: by its suffix; by its first bytes where other kinds of files share the suffix."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in SUFFIXES:
        return False
    if suffix not in _AMBIGUOUS:
        return True
    from auricle.signal.containers.kind import kind_of

    try:
        return kind_of(path) is not None
    except OSError:
        return True  # whoever reads it will say what is wrong


def recordings(folder: Path) -> Iterator[Path]:
    """Recordings under a folder, and the folders that cannot be read: whoever opens those says what is wrong.

    Links are followed, each folder is read once; names with a leading dot are passed over.
    """
    folders, links, seen = [folder], list[Path](), set[tuple[int, int]]()
    while folders or links:
        here = folders.pop() if folders else links.pop(0)  # links last: a recording keeps the name of its own folder
        try:
            status = here.stat()
            inside = sorted(path for path in here.iterdir() if not path.name.startswith("."))
        except OSError:
            yield here
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for path in inside:
            if os.path.isdir(path):
                (links if os.path.islink(path) else folders).append(path)
            elif is_recording(path) and not _is_special(path):
                yield path


def _is_special(path: Path) -> bool:
    """Whether nothing is at a path, as behind a link of which the other end is gone, or a pipe or device; False where it cannot be told."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return False
    except OSError:
        return True
