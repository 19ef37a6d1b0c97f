"""wav, flac, ogg, opus, mp3, aiff and their kin, decoded by libsndfile."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
import soundfile

from auricle.core.errors import SoundError
from auricle.signal.reader import Samples

#: Containers that libsndfile tells by their content. It also guesses headerless formats from the file's name (.vox, .gsm, .au):
#: a text file would come out as noise, so those are not taken.
CONTAINERS = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3", "NIST", "SVX", "VOC"}
#: An MP3 header counts whole frames of 1152 samples; encoder delay and padding are cut from its ends.
_SLACK = {"MP3": 2 * 1152}


class SoundfileReader:
    """One file opened by libsndfile."""

    def __init__(self, source: Path | IO[bytes], name: str) -> None:
        self.name = name
        try:
            self._file = soundfile.SoundFile(source)
        except (soundfile.LibsndfileError, TypeError) as error:
            raise SoundError(f"{name}: cannot be decoded ({reason(error)})") from error
        if self._file.format not in CONTAINERS:
            self._file.close()
            raise SoundError(f"{name}: cannot be decoded (no sound format that we know)")
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int | None = self._file.frames
        self.format = f"{self._file.format}/{self._file.subtype}"
        self.slack = _SLACK.get(self._file.format, 0)
        self.fault: str | None = None

    def read(self, count: int) -> Samples:
        """The next samples (C, n), full scale +-1."""
        if self.fault:
            return np.zeros((self.channels, 0), dtype=np.float32)
        # libsndfile raises without saying how much it had decoded: the marks that are left tell.
        block = np.full((count, self.channels), np.nan, dtype=np.float32)
        try:
            block = self._file.read(count, dtype="float32", always_2d=True, out=block)
        except soundfile.LibsndfileError as error:
            self.fault = reason(error)
            done = np.isnan(block[:, -1])
            block = block[: int(done.argmax()) if done.any() else count]
        return block.T

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def reason(error: Exception) -> str:
    """libsndfile's words without its prefix and the file's name, on one line."""
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(text.split()).removeprefix("Error : ").rstrip(".")
