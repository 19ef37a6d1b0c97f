"""The reader for libsndfile: wav, flac, ogg, opus, mp3, aiff and related formats."""

from __future__ import annotations

import collections
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from auricle.core.errors import SoundError
from auricle.signal.containers.inspection import Inspection
from auricle.signal.reader import Samples

_FRAME = 1152  # samples of an mp3 frame
#: Samples by which a complete file may be shorter than declared. An mp3 header counts whole frames, including encoder delay and padding;
#: some writers of wav count a few header bytes as sound.
_SLACK = collections.defaultdict(int, {"MP3": 2 * _FRAME, "WAV": 32})
_OGG_BLOCK = 4096  # samples per block of ogg: the precision to which lost pages are located
_MAX_RESUMES = 16  # breaks after which a flac is abandoned: each one needs a search from the start
_SEEKABLE = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC"})  # formats with exact sample positions
_STEP = np.float32(2**-15)  # of 16-bit samples at full scale 1
_BLOCKS_AHEAD = 4  # of 16-bit samples: a second or two of sound
_UNKNOWN_LENGTH = 2**63 - 1  # reported by libsndfile for a flac without a declared length, such as one written to a pipe
_FIRST_SKIP = 1152  # samples skipped after a break; doubled at each attempt
_MESSAGES = {  # cryptic messages of libsndfile, and their meaning
    "psf_fseek": "the data breaks off",
    "Unspecified internal error": "damaged frames",
    "unknown error in flac decoder": "damaged frames",
    "flac decoder lost sync": "damaged or missing frames",
    "not a regular file": "it contains no frames of its format",
}


class CodecError(SoundError):
    """A file of a known format that libsndfile cannot open, because of an unsupported codec or a damaged header."""


class SoundfileReader:
    """A file opened by libsndfile. A damaged flac or mp3 is decoded past the damage, with silence in its place."""

    tracks = 1

    def __init__(self, path: Path, name: str, inspection: Inspection) -> None:
        self.name = name
        self._source: Path | io.RawIOBase = inspection.source or path
        self._repair = inspection.repair
        try:
            self._file = _open(self._source)
        except (soundfile.LibsndfileError, TypeError) as error:
            _release(self._source)
            raise CodecError(f"{name}: cannot be decoded ({_reason(error)}); get an undamaged copy") from error
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        declared = (inspection.declared or 0) * self.rate // (inspection.clock or self.rate)
        counted = self._file.frames != _UNKNOWN_LENGTH
        self.frames: int | None = max(self._file.frames, declared) if counted else declared or None
        self.format = f"{self._file.format}/{self._file.subtype}"
        self.slack = _SLACK["MP3" if self._file.subtype.startswith("MPEG") else self._file.format]
        self.fault = inspection.fault
        self.lost = 0
        self.gaps: list[tuple[int, int]] = []
        self._at = 0  # samples decoded and lost so far
        self._gap = 0  # lost samples not yet returned as silence
        self._breaks = 0
        self._ended = False
        self._paged = self.format == "OGG/VORBIS"
        self._ahead = np.zeros((0, self.channels), np.int16)  # decoded and not yet returned
        self._sixteen = self._file.subtype == "PCM_16" and self._file.format in _SEEKABLE - {"FLAC"}  # never fails within a block

    def read(self, count: int) -> Samples:
        """The next samples (C, n), full scale +-1."""
        block = np.zeros((self.channels, 0), dtype=np.float32)
        while not block.shape[1] and not self._gap and not self._ended:
            block = self._decode(count)
        if block.shape[1]:
            return block
        silent = min(count, self._gap)  # 0 at the end
        self._gap -= silent
        return np.zeros((self.channels, silent), dtype=np.float32)

    def skip(self, count: int) -> int:
        """Skip samples of formats with exact positions; returns their number."""
        if self._file.format not in _SEEKABLE or self.frames is None or self.fault or self._at:
            return 0
        self._at = self._file.seek(min(count, self._file.frames))
        return self._at

    def _decode(self, count: int) -> Samples:
        """Decode samples (C, n) up to the next break."""
        if self._sixteen:  # same values as below in a quarter of the time: libsndfile scales per sample
            if not len(self._ahead):  # several blocks at once: each read of soundfile seeks three times
                self._ahead = self._file.read(_BLOCKS_AHEAD * count, dtype="int16", always_2d=True)
            block16, self._ahead = self._ahead[:count], self._ahead[count:]
            self._at, self._ended = self._at + len(block16), len(block16) == 0
            block = np.empty((self.channels, len(block16)), np.float32)
            block[:] = block16.T  # first to long rows, on which numpy multiplies faster
            block *= _STEP
            return block
        if self._paged:
            count = min(count, _OGG_BLOCK)
        # libsndfile raises without the number of decoded samples; the remaining NaN markers show it.
        block = np.full((count, self.channels), np.nan, dtype=np.float32)
        try:
            block = self._file.read(count, dtype="float32", always_2d=True, out=block)
            self._ended = len(block) == 0
            self._at += len(block)
            if self._paged and (jump := self._file.tell() - self._at) > 0:
                self._at -= len(block)
                self._mark_lost(len(block) + jump)  # the block has sound from both sides of the lost page, at an unknown boundary
                block = block[:0]
        except soundfile.LibsndfileError as error:
            ended = self.frames is None and "psf_fseek" in str(error)  # the end of a flac without a declared length
            self.fault = None if ended else _reason(error)
            marks = np.isnan(block[:, -1])
            block = block[: int(marks.argmax()) if marks.any() else count]
            self._at += len(block)
            self._breaks += 1
            if self._repair is None:
                self._ended = not self._skip_break()
            else:
                block = block[: max(0, len(block) - _FRAME)]  # mpg123 decodes a partly damaged frame as noise
                self._ended = not self._skip_junk()
        return block.T

    def _skip_break(self) -> bool:
        """Resume a flac after a break; True where it decodes again. Its frames are numbered, so that times remain correct."""
        skip = _FIRST_SKIP
        while self.format.startswith("FLAC") and self._breaks <= _MAX_RESUMES and self._at + skip < (self.frames or 0):
            if self._restart(self._at + skip):
                self._mark_lost(skip)
                return True
            skip *= 2
        return False

    def _skip_junk(self) -> bool:
        """Resume an mp3 without its junk bytes; True where it decodes again. Their number gives the lost duration."""
        repaired = self._repair() if self._repair is not None and self._breaks == 1 else None
        if repaired is None:
            return False
        source, junk = repaired
        _release(self._source)
        self._source = source
        reservoir = 2 * _FRAME  # the first frames after the junk depend on bits in it
        if not self._restart(self._at + reservoir):
            return False
        self._mark_lost(_FRAME + junk + reservoir)
        return True

    def _restart(self, at: int) -> bool:
        """Open a new decoder at sample `at`, since a failed one does not recover; True where it decodes."""
        self._file.close()
        if isinstance(self._source, io.RawIOBase):
            self._source.seek(0)
        try:
            self._file = _open(self._source)
            self._file.seek(at)
            decodes = len(self._file.read(1)) == 1
            self._file.seek(at)
        except soundfile.LibsndfileError:
            return False
        return decodes

    def _mark_lost(self, samples: int) -> None:
        self._at, self._gap, self.lost = self._at + samples, samples, self.lost + samples

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        _release(self._source)


def _open(source: Path | io.RawIOBase) -> Any:
    if isinstance(source, Path) and os.name == "posix":
        return soundfile.SoundFile(os.fsencode(source))  # a str would fail for names that are not Unicode
    return soundfile.SoundFile(source)


def _release(source: Path | io.RawIOBase) -> None:
    if isinstance(source, io.RawIOBase):
        source.close()


def _reason(error: Exception) -> str:
    """libsndfile's message without its prefix and the file name, on one line."""
    text = " ".join((getattr(error, "error_string", None) or str(error)).split())
    for message, meaning in _MESSAGES.items():
        if message in text:
            return meaning
    return text.removeprefix("Error : ").rstrip(".")
