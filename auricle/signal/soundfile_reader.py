"""wav, flac, ogg, opus, mp3, aiff and their kin, decoded by libsndfile."""

from __future__ import annotations

import collections
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from auricle.core.errors import SoundError
from auricle.signal.containers.inspection import Finding
from auricle.signal.reader import Samples

_FRAME = 1152  # samples of an mp3 frame
#: Samples by which a whole file may fall short of its declared length. An mp3 header counts whole frames, of which encoder delay
#: and padding are cut; some writers of wav count a few bytes of header as sound.
_SLACK = collections.defaultdict(int, {"MP3": 2 * _FRAME, "WAV": 32})
_PAGED = 4096  # samples decoded at once where the position jumps over lost pages: how exactly a jump is placed
_RESUMES = 16  # breaks after which a flac is given up: each one costs a new search from the start
_SEEKABLE = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC"})  # where a sample's place is exact
_STEP = np.float32(2**-15)  # of 16 bits, full scale 1
_COUNTLESS = 2**63 - 1  # what libsndfile says of a flac that does not declare its samples, as one written to a pipe
_FIRST_SKIP = 1152  # samples left out behind a break at first; twice as many at each try
_WORDS = {  # libsndfile's words that tell a user nothing, and what they mean
    "psf_fseek": "the data breaks off",
    "Unspecified internal error": "damaged frames",
    "unknown error in flac decoder": "damaged frames",
    "flac decoder lost sync": "damaged or missing frames",
    "not a regular file": "no frames of its format are in it",
}


class CodecError(SoundError):
    """A file of a known format that libsndfile cannot open, because it lacks the codec or because the header is damaged."""


class SoundfileReader:
    """One file opened by libsndfile. Where a flac or an mp3 is damaged it goes on behind the damage, silent in between."""

    tracks = 1

    def __init__(self, path: Path, name: str, finding: Finding) -> None:
        self.name = name
        self._source: Path | io.RawIOBase = finding.source or path
        self._mend = finding.mend
        try:
            self._file = _open(self._source)
        except (soundfile.LibsndfileError, TypeError) as error:
            _release(self._source)
            raise CodecError(f"{name}: cannot be decoded ({_reason(error)}); get an undamaged copy") from error
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        declared = (finding.declared or 0) * self.rate // (finding.clock or self.rate)
        counted = self._file.frames != _COUNTLESS
        self.frames: int | None = max(self._file.frames, declared) if counted else declared or None
        self.format = f"{self._file.format}/{self._file.subtype}"
        self.slack = _SLACK["MP3" if self._file.subtype.startswith("MPEG") else self._file.format]
        self.fault = finding.fault
        self.lost = 0
        self.gaps: list[tuple[int, int]] = []
        self._at = 0  # samples decoded and lost so far
        self._gap = 0  # lost samples that are still to be given as silence
        self._breaks = 0
        self._ended = False
        self._paged = self.format == "OGG/VORBIS"
        self._sixteen = self._file.subtype == "PCM_16" and self._file.format in _SEEKABLE - {"FLAC"}  # never breaks off half-way

    def read(self, count: int) -> Samples:
        """The next samples (C, n), full scale +-1."""
        block = np.zeros((self.channels, 0), dtype=np.float32)
        while not block.shape[1] and not self._gap and not self._ended:
            block = self._decode(count)
        if block.shape[1]:
            return block
        silent = min(count, self._gap)  # none once nothing more decodes
        self._gap -= silent
        return np.zeros((self.channels, silent), dtype=np.float32)

    def skip(self, count: int) -> int:
        """Pass over samples where their place is known without decoding; how many were passed."""
        if self._file.format not in _SEEKABLE or self.frames is None or self.fault or self._at:
            return 0
        self._at = self._file.seek(min(count, self._file.frames))
        return self._at

    def _decode(self, count: int) -> Samples:
        """Samples (C, n) up to the next break."""
        if self._sixteen:  # the same numbers as below in a quarter of the time: libsndfile scales sample by sample
            words = self._file.read(count, dtype="int16", always_2d=True)
            self._at, self._ended = self._at + len(words), len(words) == 0
            return np.asarray(np.multiply(words, _STEP, dtype=np.float32).T)
        if self._paged:
            count = min(count, _PAGED)
        # libsndfile raises without saying how much it had decoded: the marks that are left tell.
        block = np.full((count, self.channels), np.nan, dtype=np.float32)
        try:
            block = self._file.read(count, dtype="float32", always_2d=True, out=block)
            self._ended = len(block) == 0
            self._at += len(block)
            if self._paged and (jump := self._file.tell() - self._at) > 0:
                self._at -= len(block)
                self._lose(len(block) + jump)  # the block holds sound from both sides of a lost page, nobody knows where they meet
                block = block[:0]
        except soundfile.LibsndfileError as error:
            ended = self.frames is None and "psf_fseek" in str(error)  # how libsndfile ends a flac that does not declare its length
            self.fault = None if ended else _reason(error)
            marks = np.isnan(block[:, -1])
            block = block[: int(marks.argmax()) if marks.any() else count]
            self._at += len(block)
            self._breaks += 1
            if self._mend is None:
                self._ended = not self._skip_break()
            else:
                block = block[: max(0, len(block) - _FRAME)]  # mpg123 decodes the frame into which the damage reaches as noise
                self._ended = not self._leave_out_junk()
        return block.T

    def _skip_break(self) -> bool:
        """Whether the file decodes again further on; its frames are numbered, so times stay true."""
        skip = _FIRST_SKIP
        while self.format.startswith("FLAC") and self._breaks <= _RESUMES and self._at + skip < (self.frames or 0):
            if self._restart(self._at + skip):
                self._lose(skip)
                return True
            skip *= 2
        return False

    def _leave_out_junk(self) -> bool:
        """Whether the file decodes on without the bytes that are no frames; how long they sounded is told by their number."""
        mended = self._mend() if self._mend is not None and self._breaks == 1 else None
        if mended is None:
            return False
        source, junk = mended
        _release(self._source)
        self._source = source
        reservoir = 2 * _FRAME  # the first frames behind the junk build on bits that were in it
        if not self._restart(self._at + reservoir):
            return False
        self._lose(_FRAME + junk + reservoir)
        return True

    def _restart(self, at: int) -> bool:
        """Put a fresh decoder at sample `at`, because one that has failed does not find its way; whether that decodes."""
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

    def _lose(self, samples: int) -> None:
        self._at, self._gap, self.lost = self._at + samples, samples, self.lost + samples

    def close(self) -> None:
        """Let the file go."""
        self._file.close()
        _release(self._source)


def _open(source: Path | io.RawIOBase) -> Any:
    if isinstance(source, Path) and os.name == "posix":
        return soundfile.SoundFile(os.fsencode(source))  # as a str, a name that is no Unicode would not get through
    return soundfile.SoundFile(source)


def _release(source: Path | io.RawIOBase) -> None:
    if isinstance(source, io.RawIOBase):
        source.close()


def _reason(error: Exception) -> str:
    """libsndfile's words without its prefix and the file's name, on one line."""
    text = " ".join((getattr(error, "error_string", None) or str(error)).split())
    for words, meaning in _WORDS.items():
        if words in text:
            return meaning
    return text.removeprefix("Error : ").rstrip(".")
