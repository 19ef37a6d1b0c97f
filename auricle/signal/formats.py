"""The table of supported audio formats, with their extensions, media types and decoders (docs/start.md lists them)."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Format:
    """An audio format, which is detected by the first bytes of a file and not by its name.

    label: its name in messages. suffixes: its extensions, for the search of folders. media_type: its MIME type. decoder: "libsndfile", or
    "av" for PyAV (FFmpeg), which also decodes codecs that libsndfile lacks. demuxer: its name in FFmpeg. clock: origin of its time stamps:
    "start", "anywhere" (the first one is the start), or None without time stamps. ambiguous: extensions that other kinds of files use too,
    so that their content is checked.
    """

    label: str
    suffixes: tuple[str, ...]
    media_type: str
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

#: Extensions of all formats, lower case.
SUFFIXES = frozenset(suffix for row in FORMATS.values() for suffix in row.suffixes)
_AMBIGUOUS = frozenset(suffix for row in FORMATS.values() for suffix in row.ambiguous)
#: Media type by extension.
MEDIA = {suffix: row.media_type for row in FORMATS.values() for suffix in row.suffixes}


def format_names(decoder: Literal["libsndfile", "av"]) -> str:
    """The names of the formats of one decoder, separated by commas."""
    return ", ".join(row.label for row in FORMATS.values() if row.decoder == decoder)


def is_audio_file(path: str | os.PathLike[str]) -> bool:
    """True for an audio file, by its extension, and also by its first bytes where the extension is ambiguous."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in SUFFIXES:
        return False
    if suffix not in _AMBIGUOUS:
        return True
    from auricle.signal.containers.kind import kind_of

    try:
        return kind_of(path) is not None
    except OSError:
        return True  # the reader will report the error


def find_audio_files(folder: Path) -> Iterator[Path]:
    """Find the audio files under a folder, recursively; folders that cannot be read are included, so that opening them reports the error.

    Links are followed, and each folder is read once; names with a leading dot are skipped.
    """
    folders, links, seen = [folder], list[Path](), set[tuple[int, int]]()
    while folders or links:
        here = folders.pop() if folders else links.pop(0)  # links last: a file is listed by the path of its own folder
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
            elif is_audio_file(path) and not _is_special(path):
                yield path


def _is_special(path: Path) -> bool:
    """True for a broken link, a pipe or a device; False for a regular file and where permissions prevent the check."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return False
    except OSError:
        return True
