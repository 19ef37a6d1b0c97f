"""Opening of audio files: checks, detection of the format, and choice of the reader."""

from __future__ import annotations

import functools
import os
import stat
from pathlib import Path

from auricle.core.errors import MissingPackage, SoundError
from auricle.core.paths import escape_bytes
from auricle.signal import containers, formats
from auricle.signal.chain import ChainReader
from auricle.signal.checked import CheckedReader
from auricle.signal.containers.inspection import Inspection
from auricle.signal.containers.kind import kind_of
from auricle.signal.reader import Reader

RATES = (4_000, 768_000)  # lowest and highest sample rate, Hz: recorders of bats write up to 500 kHz
MAX_CHANNELS = 64


def open_file(path: str | os.PathLike[str]) -> CheckedReader:
    """Open a file with the reader for its format; its size and format are checked first. SoundError for any other file."""
    name = printable(path)
    check_file(path, name)
    kind = kind_of(path) or ("mp3" if name.lower().endswith(".mp3") else None)  # mp3 files may start with junk bytes
    if kind is None:
        known = f"{formats.format_names('libsndfile')}, and with auricle[av] {formats.format_names('av')}"
        raise SoundError(f"{name}: is not a recognised audio file; wanted {known}")
    row = formats.FORMATS[kind]
    reader: Reader
    if row.decoder == "av":
        from auricle.signal.av_reader import AvReader

        reader = AvReader(path, name, row)
    else:
        reader = _open_native(Path(path), name, kind, containers.examine(path, kind))
    check_format(reader)
    return CheckedReader(reader)


def _open_native(path: Path, name: str, kind: str, inspection: Inspection) -> Reader:
    """The reader for a libsndfile format, or for a chain of recordings in it; PyAV is used for codecs that libsndfile lacks."""
    from auricle.signal.soundfile_reader import CodecError, SoundfileReader

    if inspection.undecodable:
        raise SoundError(f"{name}: cannot be decoded ({inspection.undecodable}); get an undamaged copy")
    if inspection.links:
        fault = [None] * (len(inspection.links) - 1) + [inspection.fault]  # a truncation concerns the last link
        parts = [Inspection(source=source, fault=truncation) for source, truncation in zip(inspection.links, fault, strict=True)]
        return ChainReader([functools.partial(SoundfileReader, path, name, part) for part in parts])
    try:
        return SoundfileReader(path, name, inspection)
    except CodecError as error:
        from auricle.signal.av_reader import AvReader

        try:
            return AvReader(path, name, formats.FORMATS[kind])
        except SoundError as failure:
            raise failure if isinstance(failure.__cause__, MissingPackage) else error from None


def check_file(path: str | os.PathLike[str], name: str) -> None:
    """SoundError where path is not a readable, regular and non-empty file. name: for the message."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()
            raise SoundError(f"{name}: is a directory; pass the files in it, for instance {name.rstrip('/')}/*.wav")
        if not stat.S_ISREG(status.st_mode):  # a named pipe may block and a device may never end
            raise SoundError(f"{name}: is not a regular file; copy the audio to a file first")
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        if os.path.islink(path):
            raise SoundError(f"{name}: is a link to a file that does not exist; restore that file, or pass another") from error
        raise SoundError(f"{name}: no such file; check the name and the folder") from error
    except PermissionError as error:
        raise SoundError(f"{name}: may not be read; change its permissions (chmod +r) or run as its owner") from error
    except (OSError, ValueError) as error:
        raise SoundError(f"{name}: cannot be opened ({getattr(error, 'strerror', None) or error}); check the path") from error
    if status.st_size == 0:
        raise SoundError(f"{name}: is empty (0 bytes); record or copy it again")


def check_format(reader: Reader) -> None:
    """SoundError for an unsupported sample rate or number of channels, mostly of a damaged header."""
    low, high = RATES
    if not low <= reader.rate <= high:
        message = f"its rate is {reader.rate} Hz; wanted {low} to {high} Hz"
    elif not 1 <= reader.channels <= MAX_CHANNELS:
        message = f"it has {reader.channels} channels; wanted 1 to {MAX_CHANNELS}"
    else:
        return
    reader.close()
    raise SoundError(f"{reader.name}: {message}, convert it first (or its header is damaged)")


def printable(path: object) -> str:
    """A path as one printable line, for any bytes in its name."""
    text = escape_bytes(os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path))
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
