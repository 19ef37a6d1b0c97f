"""Whatever PyAV (the extra `av`, which brings its own FFmpeg) decodes: m4a, mp4, webm, wma, amr, and codecs that libsndfile lacks.

Every frame is put where its time stamp says, on the container's own clock. Where no sound was recorded the samples are silent, and
`gaps` tells of them; where frames are missing because the file is damaged they are silent and `lost`.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from auricle.core.errors import MissingPackage, SoundError
from auricle.core.optional import require
from auricle.signal.conform import StreamConverter
from auricle.signal.formats import Format
from auricle.signal.reader import Samples

#: Samples by which the sound may differ from the declared length: containers round to their clock, encoders pad whole frames.
_SLACK = 4096
#: Seconds by which a time stamp may differ from the number of samples before it: containers round, recorders jitter. FFmpeg's own
#: resampler fills or cuts hard from the same 0.1 s on (libswresample, min_hard_comp).
_JITTER = 0.1
_LONGEST = 86_400.0  # seconds of gaps in one file; a clock that jumps further is not believed
_FILL = 1 << 16  # samples of silence made at once
_NEAR = 8  # packets around a jump among which the bytes that explain it are looked for: decoders give frames later than packets
#: (zero, full scale) of the integer sample types.
_WHOLE = {"u1": (128.0, 128.0), "i2": (0.0, 2.0**15), "i4": (0.0, 2.0**31), "i8": (0.0, 2.0**63)}


class AvReader:
    """The first sound track of one file that can be decoded. FFmpeg may not guess the format, so it follows no playlist."""

    slack = _SLACK

    def __init__(self, path: str | os.PathLike[str], name: str, kind: Format) -> None:
        self.name = name
        self.fault: str | None = None
        self.lost = 0
        self.gaps: list[tuple[int, int]] = []
        try:
            self._av: Any = require("av", extra="av", why=f"reading {kind.words}" if kind.decoder == "av" else "reading its codec")
        except MissingPackage as error:
            raise SoundError(f"{name}: {error}") from error
        try:
            self._container = self._av.open(os.fspath(path), format=kind.demuxer, metadata_errors="ignore")
        except (self._av.FFmpegError, ValueError, OSError) as error:
            wrong = f"cannot be decoded ({_reason(error)}), its index may be missing; get the whole file"
            raise SoundError(f"{name}: {wrong}") from error
        audio = self._container.streams.audio
        self.tracks = len(audio)
        track = next((track for track in audio if track.codec_context is not None), None)
        if track is None:
            self._container.close()
            raise SoundError(f"{name}: holds no sound track that can be decoded; wanted a file with sound")
        codec = track.codec_context
        self.rate, self.channels = int(codec.rate or 0), int(codec.channels or 0)
        self.format = f"{kind.demuxer}/{codec.name}"
        self._clock = kind.clock
        self._origin = _origin(self._container, kind)
        self.frames = _declared(self._container, track, kind, self.rate, self._origin)
        self._at = 0  # samples given to `_blocks` so far, gaps included: where the next frame belongs if nothing is missing
        self._faults = 0  # packets that did not decode since the last frame that did
        self._passed = collections.deque([0], maxlen=_NEAR)  # bytes between packets that belong to none of them
        self._taken = 0  # bytes of the track's packets
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
        """Samples (C, n) of each frame that decodes, and the silence of gaps between them; what does not decode is noted in `fault`."""
        converter = StreamConverter(self.rate, self.channels)
        for packet in self._packets(track):
            try:
                frames = packet.decode()
            except (self._av.FFmpegError, ValueError, OSError) as error:
                self.fault = _reason(error)
                self._faults += 1
                continue
            for frame in frames:
                yield from self._silence(frame)
                block = converter.push(_samples(frame), frame.sample_rate)
                self._at += block.shape[1]
                self._faults = 0
                yield block
        yield converter.flush()

    def _packets(self, track: Any) -> Iterator[Any]:
        """Packets of the track; of the others only how many bytes they take, so that bytes which belong to none are noticed."""
        packets = self._container.demux()
        end = None
        while True:
            try:
                packet = next(packets, None)
            except (self._av.FFmpegError, ValueError, OSError) as error:
                self.fault = _reason(error)
                return
            if packet is None:
                return
            if packet.size and packet.pos is not None and packet.pos >= 0:
                self._passed.append(max(0, packet.pos - end) if end is not None else 0)
                end = packet.pos + packet.size
            if packet.stream.index == track.index:
                self._taken += packet.size
                yield packet

    def _silence(self, frame: Any) -> Iterator[Samples]:
        """Silence up to where a frame belongs by its time stamp; the clock is set anew where it runs back or cannot be believed."""
        if self._clock is None or frame.pts is None or frame.time_base is None:
            return
        time = float(frame.pts * frame.time_base) - self._origin
        missing = round(time * self.rate) - self._at
        if abs(missing) <= _JITTER * self.rate:
            return
        filled = self.lost + sum(last - first for first, last in self.gaps)
        if missing < 0 or filled + missing > _LONGEST * self.rate:  # it starts again, as in joined streams, or it is no clock at all
            if missing > 0 and self._at:
                self.fault = f"its clock jumps by {missing / self.rate:.0f} s at {self._at / self.rate:.1f} s, which was not followed"
            self._origin += missing / self.rate
            return
        if self._is_damage(missing):
            self.fault = self.fault or "frames are missing"
            self.lost += missing
        else:
            self.gaps.append((self._at, self._at + missing))
        for start in range(0, missing, _FILL):
            size = min(_FILL, missing - start)
            self._at += size
            yield np.zeros((self.channels, size), dtype=np.float32)

    def _is_damage(self, missing: int) -> bool:
        """Whether sound was there once: a packet did not decode, or the file has bytes there for half the missing samples or more."""
        sounded = self._at - self.lost - sum(last - first for first, last in self.gaps)
        if self._faults or not sounded:
            return bool(self._faults)
        return max(self._passed) >= 0.5 * missing * self._taken / sounded

    def close(self) -> None:
        """Let the file go."""
        self._blocks.close()  # type: ignore[attr-defined]
        self._container.close()


def _origin(container: Any, kind: Format) -> float:
    """Seconds on the container's clock that are the recording's start."""
    start = (container.start_time or 0) / 1e6
    return start if kind.clock == "anywhere" or start > _LONGEST else 0.0


def _declared(container: Any, track: Any, kind: Format, rate: int, origin: float) -> int | None:
    """Samples from the start to the end that the container declares; where it has no clock FFmpeg guesses, and that is not told."""
    if kind.clock is None:
        return None
    if track.duration is not None and track.time_base is not None:
        start = max(0, track.start_time or 0) * track.time_base
        return round((float(start + track.duration * track.time_base) - origin) * rate)
    if container.duration is None:
        return None
    start = 0 if kind.demuxer == "matroska" else max(0, int(container.start_time or 0))  # Matroska's duration counts from the clock's zero
    return round(((start + int(container.duration)) / 1e6 - origin) * rate)


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
