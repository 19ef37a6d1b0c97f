"""m4a, mp4, mov, webm, mkv and aac, decoded by PyAV (the extra `av`), which brings its own FFmpeg."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from auricle.core.errors import MissingPackage, SoundError
from auricle.core.optional import require
from auricle.signal.containers import PACKED
from auricle.signal.reader import Samples

#: Samples by which the sound may differ from the declared length: containers round to their clock, encoders pad whole frames.
_SLACK = 4096
#: (zero, full scale) of the integer sample types.
_WHOLE = {"u1": (128.0, 128.0), "i2": (0.0, 2.0**15), "i4": (0.0, 2.0**31), "i8": (0.0, 2.0**63)}


class AvReader:
    """The first sound track of one file. kind: one of containers.PACKED; FFmpeg may not guess, so it follows no playlist."""

    slack = _SLACK
    lost = 0

    def __init__(self, path: str | os.PathLike[str], name: str, kind: str) -> None:
        self.name = name
        self.fault: str | None = None
        try:
            self._av: Any = require("av", extra="av", why=f"reading {PACKED[kind]}")
        except MissingPackage as error:
            raise SoundError(f"{name}: {error}") from error
        try:
            self._container = self._av.open(os.fspath(path), format=kind, metadata_errors="ignore")
        except (self._av.FFmpegError, ValueError, OSError) as error:
            wrong = f"cannot be decoded ({_reason(error)}), its index may be missing; get the whole file"
            raise SoundError(f"{name}: {wrong}") from error
        track = next(iter(self._container.streams.audio), None)
        if track is None or track.codec_context is None:
            self._container.close()
            raise SoundError(f"{name}: holds no sound track that can be decoded; wanted a file with sound")
        codec = track.codec_context
        self.rate, self.channels = int(codec.rate or 0), int(codec.channels or 0)
        self.format = f"{kind}/{codec.name}"
        self.frames = _declared(self._container, track, kind, self.rate)
        self._blocks = self._decode(track)
        self._held = np.zeros((self.channels, 0), dtype=np.float32)
        self._given = 0

    def read(self, count: int) -> Samples:
        """The next samples (C, n), full scale +-1."""
        pieces, ready = [self._held], self._held.shape[1]
        while ready < count and (block := next(self._blocks, None)) is not None:
            pieces.append(block)
            ready += block.shape[1]
        joined = np.concatenate(pieces, axis=1)
        self._held = joined[:, count:]
        return self._trimmed(joined[:, :count])

    def _trimmed(self, block: Samples) -> Samples:
        """Leave out the encoder's padding after the declared end."""
        before = self._given
        self._given += block.shape[1]
        if self.frames is not None and self._given > self.frames and self._given - self.frames <= _SLACK:
            return block[:, : max(0, self.frames - before)]
        return block

    def _decode(self, track: Any) -> Iterator[Samples]:
        """Samples (C, n) of each frame that decodes; a packet that does not is left out, and noted in `fault`."""
        packets = self._container.demux(track)
        while True:
            try:
                packet = next(packets, None)
            except (self._av.FFmpegError, ValueError, OSError) as error:
                self.fault = _reason(error)
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except (self._av.FFmpegError, ValueError, OSError) as error:
                self.fault = _reason(error)
                continue
            for frame in frames:
                block = _samples(frame)
                if frame.sample_rate != self.rate or block.shape[0] != self.channels:
                    self.fault = f"it goes on at {frame.sample_rate} Hz with {block.shape[0]} channels"
                    return
                yield block

    def close(self) -> None:
        """Let the file go."""
        self._blocks.close()  # type: ignore[attr-defined]
        self._container.close()


def _declared(container: Any, track: Any, kind: str, rate: int) -> int | None:
    """Samples that the container declares; raw aac declares nothing, FFmpeg guesses from the bit rate."""
    if kind == "aac":
        return None
    if track.duration is not None and track.time_base is not None:
        return round(float(track.duration * track.time_base) * rate)
    return None if container.duration is None else round(container.duration / 1e6 * rate)


def _samples(frame: Any) -> Samples:
    """One decoded frame as (C, n) float32, whatever its sample type; integers by their full scale."""
    array = frame.to_ndarray()
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        array = array.reshape(-1, channels).T
    zero, full = _WHOLE.get(array.dtype.str[1:], (0.0, 1.0))
    return np.ascontiguousarray((array - np.float32(zero)) / np.float32(full), dtype=np.float32)


def _reason(error: Exception) -> str:
    """FFmpeg's words without number and path, on one line."""
    return " ".join(str(getattr(error, "strerror", None) or error).split())
