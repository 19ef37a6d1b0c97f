"""A path -> the reader that can decode the file there; what cannot be read is refused in one line."""

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
from auricle.signal.containers.inspection import Finding
from auricle.signal.containers.kind import kind_of
from auricle.signal.reader import Reader

RATES = (4_000, 768_000)  # Hz, lowest and highest that are heard: recorders of bats write up to 500 kHz
CHANNELS = 64  # the most that are heard


def open_file(path: str | os.PathLike[str]) -> CheckedReader:
    """The reader that can decode this file, its size and kind checked before any decoder sees it."""
    name = printable(path)
    check_file(path, name)
    kind = kind_of(path) or ("mp3" if name.lower().endswith(".mp3") else None)  # an mp3 may start with junk
    if kind is None:
        known = f"{formats.spoken('libsndfile')}, and with auricle[av] {formats.spoken('av')}"
        raise SoundError(f"{name}: is no sound file that we know; wanted {known}")
    row = formats.FORMATS[kind]
    reader: Reader
    if row.decoder == "av":
        from auricle.signal.av_reader import AvReader

        reader = AvReader(path, name, row)
    else:
        reader = _native(Path(path), name, kind, containers.examine(path, kind))
    check_format(reader)
    return CheckedReader(reader)


def _native(path: Path, name: str, kind: str, finding: Finding) -> Reader:
    """The reader for a file that libsndfile decodes, or for the chain of recordings in it; codecs that it lacks are left to PyAV."""
    from auricle.signal.soundfile_reader import CodecError, SoundfileReader

    if finding.hopeless:
        raise SoundError(f"{name}: cannot be decoded ({finding.hopeless}); get an undamaged copy")
    if finding.links:
        fault = [None] * (len(finding.links) - 1) + [finding.fault]  # what shows that the file was cut belongs to its last link
        parts = [Finding(source=source, fault=cut) for source, cut in zip(finding.links, fault, strict=True)]
        return ChainReader([functools.partial(SoundfileReader, path, name, part) for part in parts])
    try:
        return SoundfileReader(path, name, finding)
    except CodecError as error:
        from auricle.signal.av_reader import AvReader

        try:
            return AvReader(path, name, formats.FORMATS[kind])
        except SoundError as failure:
            raise failure if isinstance(failure.__cause__, MissingPackage) else error from None


def check_file(path: str | os.PathLike[str], name: str) -> None:
    """Refuse what is not a readable regular file with bytes in it."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()
            raise SoundError(f"{name}: is a directory; give the files in it, for instance {name.rstrip('/')}/*.wav")
        if not stat.S_ISREG(status.st_mode):  # a named pipe would block for ever, a device would never end
            raise SoundError(f"{name}: is not a regular file; copy the sound into a file first")
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        if os.path.islink(path):
            raise SoundError(f"{name}: is a link to a file that does not exist; restore that file, or give another") from error
        raise SoundError(f"{name}: no such file; check the name and the folder") from error
    except PermissionError as error:
        raise SoundError(f"{name}: may not be read; change its permissions (chmod +r) or run as its owner") from error
    except (OSError, ValueError) as error:
        raise SoundError(f"{name}: cannot be opened ({getattr(error, 'strerror', None) or error}); check the path") from error
    if status.st_size == 0:
        raise SoundError(f"{name}: is empty (0 bytes); record or copy it again")


def check_format(reader: Reader) -> None:
    """Refuse rates and channel counts that no recording for us has: most often the header is damaged."""
    low, high = RATES
    if not low <= reader.rate <= high:
        wrong = f"its rate is {reader.rate} Hz; wanted {low} to {high} Hz"
    elif not 1 <= reader.channels <= CHANNELS:
        wrong = f"it has {reader.channels} channels; wanted 1 to {CHANNELS}"
    else:
        return
    reader.close()
    raise SoundError(f"{reader.name}: {wrong}, convert it first (or its header is damaged)")


def printable(path: object) -> str:
    """A path as one printable line, whatever bytes its name has."""
    text = escape_bytes(os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path))
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
