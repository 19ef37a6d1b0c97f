"""Decoding of files and arrays as streams of windows: rates of 4 to 768 kHz, 1 to 64 channels, memory bounded by a few windows.

Bad input raises SoundError with one line that names the file, what is wrong and what to do. A truncated or damaged file is decoded as far
as possible, and `error` of the stream states how much is missing; missing sound is never synthesised. Times count from zero of the file's
own clock; parts that were not recorded by that clock are silent and listed in `gaps`.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator
from types import TracebackType

import numpy as np

from auricle.core.errors import InputError, SoundError
from auricle.core.records import Clip
from auricle.signal.checked import CheckedReader
from auricle.signal.energy import BandEnergy, channel_sums
from auricle.signal.framing import plan
from auricle.signal.opening import check_format, open_file, printable
from auricle.signal.reader import ArrayReader, Reader, Samples
from auricle.signal.resample import StreamResampler

__all__ = ["Info", "Stream", "Window", "cut", "inspect", "printable", "read", "stream", "stream_clip"]

_MIN_OFFSET_SECONDS = 0.025  # shorter sounds cannot be distinguished from a constant offset
_CANCELLATION = 1e-3  # channels cancel out where the power of their mean is below this share of theirs, 30 dB
_BLOCK = 1 << 16  # values (samples x channels) decoded at once; fits into a CPU cache


@dataclasses.dataclass(frozen=True)
class Info:
    """The properties that a file declares. frames: samples per channel, None where unknown; duration: seconds, 0 where unknown.

    rate: Hz. format: container and codec. tracks: number of audio tracks, of which the first is read.
    """

    path: str
    rate: int
    channels: int
    frames: int | None
    format: str
    duration: float
    tracks: int = 1


@dataclasses.dataclass(frozen=True, eq=False)
class Window:
    """A window of a stream. samples: float32 (C, N) at the stream's rate; start: seconds of samples[:, 0] in the recording.

    last: True for the last window. energy_in_band: share of the energy (without a constant offset) in the stream's band; the rest is above.
    """

    samples: Samples
    start: float
    last: bool
    energy_in_band: float = 1.0


class Stream:
    """An iterator over the windows of one recording, decoded on demand. Iterate once; a context manager closes the file early.

    Attributes that are updated while it is read: decoded, end, gaps, peak, ac_peak, energy_above; and error: None, or one line stating how
    much is missing, final after the iteration.
    """

    def __init__(
        self, reader: Reader, *, rate: int, seconds: float, context: float = 0.0, mono: bool = True, high: float = math.inf
    ) -> None:
        self.info = _info(reader)
        self.rate = rate
        self._low = self._high = np.zeros(reader.channels, np.float32)
        self._sum = np.zeros(reader.channels)
        self.error: str | None = None
        self._reader, self._mono, self._plan = reader, mono, plan(rate, seconds=seconds, context=context)
        self._decoded = 0
        self._energy = BandEnergy(self.info.rate, rate, high)
        self._block = max(1024, _BLOCK // reader.channels)
        self._next: Samples | None = self._decode()  # an empty file is refused here, before any window
        if self._next is None:
            raise SoundError(f"{reader.name}: {_empty_message(reader)}")

    @property
    def hop(self) -> float:
        """Seconds between the starts of two windows, a whole number of samples."""
        return self._plan.start(1)

    @property
    def peak(self) -> float:
        """Largest |x| so far, at the original sample rate."""
        return max(float(self._high.max()), -float(self._low.min()))

    @property
    def ac_peak(self) -> float:
        """Largest |x| so far after subtraction of each channel's constant offset, which is estimated from 25 ms on."""
        offset = self._sum / max(1, self._decoded) if self._decoded > _MIN_OFFSET_SECONDS * self.info.rate else np.zeros_like(self._sum)
        return max(float((self._high - offset).max()), float((offset - self._low).max()))

    @property
    def decoded(self) -> float:
        """Seconds decoded so far, without the silence in place of damaged or unrecorded parts."""
        return (self._decoded - self._reader.lost - _unrecorded(self._reader)) / self.info.rate

    @property
    def end(self) -> float:
        """Position in the recording up to which it has been read, seconds."""
        return self._decoded / self.info.rate

    @property
    def gaps(self) -> tuple[tuple[float, float], ...]:
        """Intervals (s) that were not recorded by the file's own clock, as far as it has been read."""
        return tuple((first / self.info.rate, last / self.info.rate) for first, last in self._reader.gaps)

    @property
    def coverage(self) -> float:
        """Share of the recorded time that was decoded, 0 to 1; final after the iteration."""
        recorded = self.duration - _unrecorded(self._reader) / self.info.rate
        return min(1.0, self.decoded / recorded) if self.error and recorded > 0 else 1.0

    @property
    def energy_above(self) -> float:
        """Share of the energy read so far, 0 to 1, that is above the band: above `high`, or above rate / 2 where that is lower."""
        return self._energy.share_above

    @property
    def duration(self) -> float:
        """Duration that the file declares, seconds; where it declares none, `end`."""
        return max(self.info.duration, self.end)

    def __iter__(self) -> Iterator[Window]:
        channels = 1 if self._mono else self.info.channels
        pieces, ready, index = [np.zeros((channels, 0), dtype=np.float32)], 0, 0
        for piece in self._resampled(channels):
            pieces.append(piece)
            ready += piece.shape[1]
            if ready <= self._plan.size:
                continue
            joined = np.concatenate(pieces, axis=1)
            while joined.shape[1] > self._plan.size:  # strictly greater: only then is this window known not to be the last
                yield self._window(joined[:, : self._plan.size], index, last=False)
                joined = joined[:, self._plan.hop :]
                index += 1
            pieces, ready = [joined], joined.shape[1]
        yield self._window(np.concatenate(pieces, axis=1), index, last=True)

    def _window(self, samples: Samples, index: int, *, last: bool) -> Window:
        start = self._plan.start(index)
        return Window(samples, start, last, self._energy.share_in_band(samples, start))

    def _resampled(self, channels: int) -> Iterator[Samples]:
        """Iterate over pieces (channels, n) at the stream's rate until the recording ends."""
        resampler = StreamResampler(self.info.rate, self.rate, channels)
        try:
            while self._next is not None:
                block, self._next = self._next, self._decode()
                block = _mix_down(block) if self._mono else block
                self._energy.add(block)
                yield resampler.push(block, last=self._next is None)
            self.error = _error_message(self._reader, self._decoded)
            if self._reader.lost >= self._decoded:
                raise SoundError(self.error or f"{self._reader.name}: {_empty_message(self._reader)}")
        finally:
            self.close()

    def _decode(self) -> Samples | None:
        """The next block (C, n) at the original rate; None at the end. Updates the statistics."""
        block = self._reader.read(self._block)
        if block.shape[1] == 0:
            return None
        low, high = block.min(axis=1), block.max(axis=1)
        first = self._decoded == 0
        self._low, self._high = (low, high) if first else (np.minimum(self._low, low), np.maximum(self._high, high))
        self._sum += channel_sums(block)
        self._decoded += block.shape[1]
        return block

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def inspect(path: str | os.PathLike[str]) -> Info:
    """Read the properties that a file declares, without decoding it. SoundError where it cannot be opened."""
    reader = open_file(path)
    reader.close()
    return _info(reader)


def stream(
    path: str | os.PathLike[str], *, rate: int, seconds: float, context: float = 0.0, mono: bool = True, high: float = math.inf
) -> Stream:
    """Open a file as a stream of windows of `seconds`, overlapping by 2 * `context` seconds, resampled to `rate` Hz.

    mono: True: the mean of the channels (the loudest channel where they cancel out); False: all channels. The last window is shorter, and
    is the first that reaches the end. high: upper edge of the band, Hz, for the shares of energy. SoundError where nothing can be decoded.
    """
    return _open_stream(open_file(path), rate=rate, seconds=seconds, context=context, mono=mono, high=high)


def stream_clip(clip: Clip, *, rate: int, seconds: float, context: float = 0.0, mono: bool = True, high: float = math.inf) -> Stream:
    """Open a Clip as a stream of windows, as `stream` does a file."""
    if not np.issubdtype(clip.samples.dtype, np.floating):
        raise SoundError(f"{clip.name}: samples are {clip.samples.dtype}; wanted floats; divide them by their full scale")
    reader = CheckedReader(ArrayReader(clip.samples, clip.rate, clip.name))
    check_format(reader)
    return _open_stream(reader, rate=rate, seconds=seconds, context=context, mono=mono, high=high)


def read(
    path: str | os.PathLike[str],
    *,
    rate: int | None = None,
    mono: bool = False,
    max_seconds: float | None = None,
    partial: bool = False,
) -> Clip:
    """Read a whole file, or its first `max_seconds`, as a Clip (C, N) at `rate` Hz (None: its own rate).

    mono: see `stream`. partial: True: return what can be decoded of a truncated or damaged file; False: raise SoundError.

    >>> from auricle.signal.streaming import read
    >>> clip = read("examples/siren.ogg", rate=16_000, mono=True, max_seconds=2.0)
    >>> clip.samples.shape, clip.rate
    ((1, 32000), 16000)
    """
    if max_seconds is not None and not max_seconds > 0:
        raise InputError(f"max_seconds is {max_seconds}; wanted a positive number of seconds")
    reader = open_file(path)
    rate = rate or reader.rate
    pieces: list[Samples] = []
    with _open_stream(reader, rate=rate, seconds=1.0 if max_seconds is None else min(1.0, max_seconds), mono=mono) as windows:
        for window in windows:
            pieces.append(window.samples)
            if max_seconds is not None and window.start + 1.0 >= max_seconds:
                break
    if windows.error and not partial:
        raise SoundError(windows.error)
    samples = np.concatenate(pieces, axis=1)
    if max_seconds is not None:
        samples = samples[:, : max(1, round(max_seconds * rate))]
    return Clip(samples, rate, os.fspath(path))


def cut(path: str | os.PathLike[str], start: float, end: float) -> Clip:
    """Read the seconds start to end of a file, as far as they decode, as a Clip (C, N) at its own rate. InputError where it ends before."""
    reader = open_file(path)
    first, last = round(start * reader.rate), end * reader.rate
    pieces = []
    try:
        at = reader.skip(first)
        while at < last and (block := reader.read(max(1024, _BLOCK // reader.channels))).shape[1]:
            pieces.append(block[:, max(0, first - at) : max(0, round(min(last - at, block.shape[1])))])
            at += block.shape[1]
    finally:
        reader.close()
    samples = np.concatenate(pieces, axis=1) if pieces else np.zeros((reader.channels, 0), np.float32)
    if not samples.shape[1]:
        raise InputError(f"{reader.name}: nothing is at {start:g} to {end:g} s; it lasts {at / reader.rate:g} s")
    return Clip(samples, reader.rate, os.fspath(path))


def _mix_down(block: Samples) -> Samples:
    """The mean (1, n) of the channels of a block (C, n); the loudest channel where they cancel out, as L = -R does."""
    mean = _mean(block)
    if len(block) < 2:
        return mean
    if float(np.vdot(mean, mean)) * len(block) >= _CANCELLATION * float(np.vdot(block, block)):
        return mean
    powers = np.einsum("ij,ij->i", block, block)
    return np.array(block[(powers >= 0.5 * powers.max()).argmax()][None])  # the first loud channel, so that the choice is stable


def _mean(block: Samples) -> Samples:
    """The mean (1, n) of the channels of a block (C, n)."""
    if len(block) > 8:
        return np.asarray(block.mean(axis=0, keepdims=True))
    if len(block) == 1:
        return block.copy()
    total = np.add(block[:1], block[1:2])  # per channel: numpy is slow at summing over a short axis
    for channel in block[2:]:
        total += channel
    total *= np.float32(1 / len(block))
    return total


def _open_stream(reader: Reader, *, rate: int, seconds: float, context: float = 0.0, mono: bool = True, high: float = math.inf) -> Stream:
    try:
        return Stream(reader, rate=rate, seconds=seconds, context=context, mono=mono, high=high)
    except BaseException:
        reader.close()
        raise


def _info(reader: Reader) -> Info:
    seconds = (reader.frames or 0) / reader.rate
    return Info(reader.name, reader.rate, reader.channels, reader.frames, reader.format, seconds, reader.tracks)


def _empty_message(reader: Reader) -> str:
    if reader.fault:
        return f"nothing in it can be decoded ({reader.fault}); get an undamaged copy"
    if reader.frames:
        return f"its header declares {reader.frames / reader.rate:.2f} s but no sound follows; get the complete file"
    return "has a header but contains no sound; record or copy it again"


def _unrecorded(reader: Reader) -> int:
    """Number of samples read so far that were not recorded."""
    return sum(last - first for first, last in reader.gaps)


def _error_message(reader: Reader, decoded: int) -> str | None:
    """One line that states how much could not be decoded; None where all was."""
    seconds = (decoded - reader.lost - _unrecorded(reader)) / reader.rate
    reason = f" ({reader.fault})" if reader.fault else ""
    declared = (max(reader.frames or 0, decoded if reader.lost else 0) - _unrecorded(reader)) / reader.rate
    if seconds <= 0:
        return f"{reader.name}: {_empty_message(reader)}"
    if (declared - seconds) * reader.rate > reader.slack:
        return (
            f"{reader.name}: only {seconds:.2f} s of {declared:.2f} s can be decoded, {declared - seconds:.2f} s are missing{reason}; "
            "the decoded part was used, get the complete file for the rest"
        )
    if reader.fault:
        return (
            f"{reader.name}: is truncated or damaged{reason}, how much is missing is not known; the {seconds:.2f} s that can be decoded "
            "were used, get the complete file for the rest"
        )
    return None
