"""The reader for PyAV (the extra `av`, which includes FFmpeg): m4a, mp4, webm, wma, amr, and codecs that libsndfile lacks.

Every frame is placed by its time stamp, on the container's own clock. Where no sound was recorded the samples are silent and listed in
`gaps`; where frames are missing because of damage they are silent and counted in `lost`.
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

#: Samples by which a complete file may differ from the declared length: containers round times, encoders pad frames.
_SLACK = 4096
#: Seconds by which a time stamp may differ from the number of samples before it, because of rounding and jitter. FFmpeg's resampler
#: compensates from the same 0.1 s on (libswresample, min_hard_comp).
_JITTER = 0.1
_MAX_GAPS = 86_400.0  # seconds of gaps in one file; a larger jump of the clock is ignored
_SILENCE_BLOCK = 1 << 16  # samples of silence per block
_NEARBY_PACKETS = 8  # packets around a jump that are searched for unaccounted bytes: frames are decoded later than packets
#: (zero, full scale) of the integer sample types.
_FULL_SCALE = {"u1": (128.0, 128.0), "i2": (0.0, 2.0**15), "i4": (0.0, 2.0**31), "i8": (0.0, 2.0**63)}


class AvReader:
    """The first decodable audio track of a file. The format is fixed, so that FFmpeg does not follow playlists."""

    slack = _SLACK

    def __init__(self, path: str | os.PathLike[str], name: str, kind: Format) -> None:
        self.name = name
        self.fault: str | None = None
        self.lost = 0
        self.gaps: list[tuple[int, int]] = []
        try:
            self._av: Any = require("av", extra="av", why=f"reading {kind.label}" if kind.decoder == "av" else "reading its codec")
        except MissingPackage as error:
            raise SoundError(f"{name}: {error}") from error
        try:
            self._container = self._av.open(os.fspath(path), format=kind.demuxer, metadata_errors="ignore")
        except (self._av.FFmpegError, ValueError, OSError) as error:
            message = f"cannot be decoded ({_reason(error)}), its index may be missing; get the complete file"
            raise SoundError(f"{name}: {message}") from error
        audio = self._container.streams.audio
        self.tracks = len(audio)
        track = next((track for track in audio if track.codec_context is not None), None)
        if track is None:
            self._container.close()
            raise SoundError(f"{name}: contains no audio track that can be decoded; wanted a file with audio")
        codec = track.codec_context
        self.rate, self.channels = int(codec.rate or 0), int(codec.channels or 0)
        self.format = f"{kind.demuxer}/{codec.name}"
        self._clock = kind.clock
        self._origin = _origin(self._container, kind)
        self.frames = _declared_frames(self._container, track, kind, self.rate, self._origin)
        self._at = 0  # samples produced by `_blocks` so far, gaps included: the expected position of the next frame
        self._faults = 0  # packets that failed to decode since the last decoded frame
        self._unaccounted = collections.deque([0], maxlen=_NEARBY_PACKETS)  # bytes between successive packets
        self._packet_bytes = 0  # total bytes of the track's packets
        self._blocks = self._decode(track)
        self._buffered = np.zeros((self.channels, 0), dtype=np.float32)
        self._produced = 0

    def read(self, count: int) -> Samples:
        """The next samples (C, n), full scale +-1."""
        pieces, ready = [self._buffered], self._buffered.shape[1]
        while ready < count and (block := next(self._blocks, None)) is not None:
            pieces.append(block)
            ready += block.shape[1]
        joined = np.concatenate(pieces, axis=1)
        self._buffered = joined[:, count:]
        return self._trimmed(joined[:, :count])

    def _trimmed(self, block: Samples) -> Samples:
        """Remove the encoder's padding after the declared end."""
        before = self._produced
        self._produced += block.shape[1]
        if self.frames is not None and self._produced > self.frames and self._produced - self.frames <= _SLACK:
            return block[:, : max(0, self.frames - before)]
        return block

    def _decode(self, track: Any) -> Iterator[Samples]:
        """Iterate over the samples (C, n) of all frames, with silence in gaps; failures are recorded in `fault`."""
        converter = StreamConverter(self.rate, self.channels)
        for packet in self._packets(track):
            try:
                frames = packet.decode()
            except (self._av.FFmpegError, ValueError, OSError) as error:
                self.fault = _reason(error)
                self._faults += 1
                continue
            for frame in frames:
                yield from self._fill_gap(frame)
                block = converter.push(_samples(frame), frame.sample_rate)
                self._at += block.shape[1]
                self._faults = 0
                yield block
        yield converter.flush()

    def _packets(self, track: Any) -> Iterator[Any]:
        """Iterate over the packets of the track; the positions of all packets are recorded, to detect unaccounted bytes."""
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
                self._unaccounted.append(max(0, packet.pos - end) if end is not None else 0)
                end = packet.pos + packet.size
            if packet.stream.index == track.index:
                self._packet_bytes += packet.size
                yield packet

    def _fill_gap(self, frame: Any) -> Iterator[Samples]:
        """Silence up to the time stamp of a frame; the clock is reset where it runs backwards or jumps too far."""
        if self._clock is None or frame.pts is None or frame.time_base is None:
            return
        time = float(frame.pts * frame.time_base) - self._origin
        missing = round(time * self.rate) - self._at
        if abs(missing) <= _JITTER * self.rate:
            return
        filled = self.lost + sum(last - first for first, last in self.gaps)
        if missing < 0 or filled + missing > _MAX_GAPS * self.rate:  # restarted, as in concatenated streams, or invalid
            if missing > 0 and self._at:
                self.fault = f"its clock jumps by {missing / self.rate:.0f} s at {self._at / self.rate:.1f} s, which was ignored"
            self._origin += missing / self.rate
            return
        if self._is_damage(missing):
            self.fault = self.fault or "frames are missing"
            self.lost += missing
        else:
            self.gaps.append((self._at, self._at + missing))
        for start in range(0, missing, _SILENCE_BLOCK):
            size = min(_SILENCE_BLOCK, missing - start)
            self._at += size
            yield np.zeros((self.channels, size), dtype=np.float32)

    def _is_damage(self, missing: int) -> bool:
        """True where a gap is damage: a packet failed to decode, or the file has bytes for at least half of the missing samples."""
        sounded = self._at - self.lost - sum(last - first for first, last in self.gaps)
        if self._faults or not sounded:
            return bool(self._faults)
        return max(self._unaccounted) >= 0.5 * missing * self._packet_bytes / sounded

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()  # type: ignore[attr-defined]
        self._container.close()


def _origin(container: Any, kind: Format) -> float:
    """The start of the recording on the container's clock, seconds."""
    start = (container.start_time or 0) / 1e6
    return start if kind.clock == "anywhere" or start > _MAX_GAPS else 0.0


def _declared_frames(container: Any, track: Any, kind: Format, rate: int, origin: float) -> int | None:
    """Declared number of samples per channel; None without a clock, where FFmpeg would only estimate it."""
    if kind.clock is None:
        return None
    if track.duration is not None and track.time_base is not None:
        start = max(0, track.start_time or 0) * track.time_base
        return round((float(start + track.duration * track.time_base) - origin) * rate)
    if container.duration is None:
        return None
    start = 0 if kind.demuxer == "matroska" else max(0, int(container.start_time or 0))  # Matroska's duration counts from 0 of its clock
    return round(((start + int(container.duration)) / 1e6 - origin) * rate)


def _samples(frame: Any) -> Samples:
    """A decoded frame as (C, n) float32; integer samples are divided by their full scale."""
    array = frame.to_ndarray()
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        array = array.reshape(-1, channels).T
    zero, full = _FULL_SCALE.get(array.dtype.str[1:], (0.0, 1.0))
    return np.ascontiguousarray((array - np.float32(zero)) / np.float32(full), dtype=np.float32)


def _reason(error: Exception) -> str:
    """FFmpeg's message without number and path, on one line."""
    return " ".join(str(getattr(error, "strerror", None) or error).split())
