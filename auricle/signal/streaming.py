"""Files and arrays as streams of windows: any rate from 4 to 768 kHz, 1 to 64 channels, memory bounded by a few windows.

Bad input raises SoundError with one line that names the file, what is wrong and what to do. A file that is cut or damaged is
heard as far as it decodes; the stream then says in `error` how much is missing. No sound is ever made up for what is not there.
Times count from zero of the file's own clock; where it says that nothing was recorded the samples are silent, and `gaps` tells it.
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
from auricle.signal.energy import Energy
from auricle.signal.framing import plan
from auricle.signal.opening import check_format, open_file, printable
from auricle.signal.reader import ArrayReader, Reader, Samples
from auricle.signal.resample import StreamResampler

__all__ = ["Info", "Stream", "Window", "cut", "inspect", "printable", "read", "stream", "stream_clip"]

_LEAST = 0.025  # seconds in which a constant offset can be told from a sound
_CANCELLED = 1e-3  # share of its channels' power below which their mean has cancelled out, 30 dB
_BLOCK = 1 << 16  # values (samples x channels) decoded at once: what a cache holds


@dataclasses.dataclass(frozen=True)
class Info:
    """What a file says about itself. frames: samples per channel, None where it does not tell; duration: seconds, then 0.

    tracks: sound tracks in it, of which the first is read.
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
    """A stretch of a stream. samples: float32 (C, N) at the stream's rate; start: seconds of samples[:, 0] in the recording.

    inside: share of the stretch's energy (without a constant offset) that lies in the stream's band; the rest lies above.
    """

    samples: Samples
    start: float
    last: bool
    inside: float = 1.0


class Stream:
    """Windows of one recording, decoded as they are asked for. Iterate once; a context manager closes the file early.

    Attributes that grow while it is read: heard, end, gaps, peak, swing, above; and error: None, or one line saying how much is
    missing, final once the iteration has ended.
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
        self._energy = Energy(self.info.rate, rate, high)
        self._block = max(1024, _BLOCK // reader.channels)
        self._next: Samples | None = self._decode()  # a file that holds nothing is refused here, before any window
        if self._next is None:
            raise SoundError(f"{reader.name}: {_nothing(reader)}")

    @property
    def peak(self) -> float:
        """Largest |x| so far, at the original rate."""
        return max(float(self._high.max()), -float(self._low.min()))

    @property
    def swing(self) -> float:
        """Largest |x| so far without each channel's constant offset, which cannot be told in less than 25 ms."""
        offset = self._sum / max(1, self._decoded) if self._decoded > _LEAST * self.info.rate else np.zeros_like(self._sum)
        return max(float((self._high - offset).max()), float((offset - self._low).max()))

    @property
    def heard(self) -> float:
        """Seconds decoded so far, without the stretches that are silent because they are damaged or were not recorded."""
        return (self._decoded - self._reader.lost - _unrecorded(self._reader)) / self.info.rate

    @property
    def end(self) -> float:
        """Seconds of the recording up to where it has been read: what was heard and the silent stretches in between."""
        return self._decoded / self.info.rate

    @property
    def gaps(self) -> tuple[tuple[float, float], ...]:
        """Stretches (s) that the file's own clock says were not recorded, as far as it has been read."""
        return tuple((first / self.info.rate, last / self.info.rate) for first, last in self._reader.gaps)

    @property
    def coverage(self) -> float:
        """Share of what was recorded that was heard, 0 to 1; final once the iteration has ended."""
        recorded = self.duration - _unrecorded(self._reader) / self.info.rate
        return min(1.0, self.heard / recorded) if self.error and recorded > 0 else 1.0

    @property
    def above(self) -> float:
        """Share of the energy of what was read, 0 to 1, that lies above the band: above `high`, or rate / 2 where that is less."""
        return self._energy.above

    @property
    def duration(self) -> float:
        """Seconds that the file declares; where it declares none, seconds decoded so far."""
        return max(self.info.duration, self.end)

    def __iter__(self) -> Iterator[Window]:
        channels = 1 if self._mono else self.info.channels
        pieces, ready, index = [np.zeros((channels, 0), dtype=np.float32)], 0, 0
        for piece in self._resampled(channels):
            pieces.append(piece)
            ready += piece.shape[1]
            if ready <= self._plan.size:
                continue
            held = np.concatenate(pieces, axis=1)
            while held.shape[1] > self._plan.size:  # strictly: only then is it known that this window is not the last
                yield self._window(held[:, : self._plan.size].copy(), index, last=False)
                held = held[:, self._plan.hop :]
                index += 1
            pieces, ready = [held], held.shape[1]
        yield self._window(np.concatenate(pieces, axis=1), index, last=True)

    def _window(self, samples: Samples, index: int, *, last: bool) -> Window:
        start = self._plan.start(index)
        return Window(samples, start, last, self._energy.inside(samples, start))

    def _resampled(self, channels: int) -> Iterator[Samples]:
        """Pieces (channels, n) at the stream's rate until the recording ends."""
        resampler = StreamResampler(self.info.rate, self.rate, channels)
        try:
            while self._next is not None:
                block, self._next = self._next, self._decode()
                block = _mono(block) if self._mono else block
                self._energy.add(block)
                yield resampler.push(block, last=self._next is None)
            self.error = _missing(self._reader, self._decoded)
            if self._reader.lost >= self._decoded:
                raise SoundError(self.error or f"{self._reader.name}: {_nothing(self._reader)}")
        finally:
            self.close()

    def _decode(self) -> Samples | None:
        """The next block (C, n) at the original rate, checked; None at the end."""
        block = self._reader.read(self._block)
        if block.shape[1] == 0:
            return None
        low, high = block.min(axis=1), block.max(axis=1)
        first = self._decoded == 0
        self._low, self._high = (low, high) if first else (np.minimum(self._low, low), np.maximum(self._high, high))
        self._sum += block.sum(axis=1)
        self._decoded += block.shape[1]
        return block

    def close(self) -> None:
        """Let the file go."""
        self._reader.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def inspect(path: str | os.PathLike[str]) -> Info:
    """What the file declares, without decoding it."""
    reader = open_file(path)
    reader.close()
    return _info(reader)


def stream(
    path: str | os.PathLike[str], *, rate: int, seconds: float, context: float = 0.0, mono: bool = True, high: float = math.inf
) -> Stream:
    """Windows of a file: `seconds` long, overlapping by 2 * `context` seconds, resampled to `rate` Hz.

    mono: the mean of the channels (the loudest of them where they cancel each other out), else all are kept. The last window is
    shorter, and is the first that reaches the end. high: upper edge (Hz) of the band that is heard; energy above it is told.
    """
    return _guarded(open_file(path), rate=rate, seconds=seconds, context=context, mono=mono, high=high)


def stream_clip(clip: Clip, *, rate: int, seconds: float, context: float = 0.0, mono: bool = True, high: float = math.inf) -> Stream:
    """Windows of sound in memory, by the same code as `stream`."""
    if not np.issubdtype(clip.samples.dtype, np.floating):
        raise SoundError(f"{clip.name}: samples are {clip.samples.dtype}; wanted floats, divide them by their full scale")
    reader = CheckedReader(ArrayReader(clip.samples, clip.rate, clip.name))
    check_format(reader)
    return _guarded(reader, rate=rate, seconds=seconds, context=context, mono=mono, high=high)


def read(
    path: str | os.PathLike[str],
    *,
    rate: int | None = None,
    mono: bool = False,
    max_seconds: float | None = None,
    partial: bool = False,
) -> Clip:
    """A whole file, or its first `max_seconds`, as a Clip (C, N) at `rate` Hz (its own rate by default).

    partial: take what decodes of a cut or damaged file, which raises SoundError otherwise.
    """
    if max_seconds is not None and not max_seconds > 0:
        raise InputError(f"max_seconds is {max_seconds}; wanted a positive number of seconds")
    reader = open_file(path)
    rate = rate or reader.rate
    pieces: list[Samples] = []
    with _guarded(reader, rate=rate, seconds=1.0 if max_seconds is None else min(1.0, max_seconds), mono=mono) as windows:
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
    """Seconds start to end of a file as a Clip (C, N) at its own rate, as far as they decode; InputError where it ends before."""
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


def _mono(block: Samples) -> Samples:
    """The mean (1, n) of the channels of a block (C, n); the loudest channel where they cancel each other out, as L = -R does."""
    mean = _mean(block)
    if len(block) < 2:
        return mean
    powers = np.einsum("ij,ij->i", block, block)
    if float(np.vdot(mean, mean)) >= _CANCELLED * float(powers.mean()):
        return mean
    return np.array(block[(powers >= 0.5 * powers.max()).argmax()][None])  # the first of the loud ones, so that it stays the same one


def _mean(block: Samples) -> Samples:
    """The mean (1, n) of the channels of a block (C, n)."""
    if len(block) > 8:
        return np.asarray(block.mean(axis=0, keepdims=True))
    total = block[:1].copy()  # channel by channel: numpy is slow where the axis that it sums over is short
    for channel in block[1:]:
        total += channel
    total *= np.float32(1 / len(block))
    return total


def _guarded(reader: Reader, *, rate: int, seconds: float, context: float = 0.0, mono: bool = True, high: float = math.inf) -> Stream:
    try:
        return Stream(reader, rate=rate, seconds=seconds, context=context, mono=mono, high=high)
    except BaseException:
        reader.close()
        raise


def _info(reader: Reader) -> Info:
    seconds = (reader.frames or 0) / reader.rate
    return Info(reader.name, reader.rate, reader.channels, reader.frames, reader.format, seconds, reader.tracks)


def _nothing(reader: Reader) -> str:
    if reader.fault:
        return f"nothing in it can be decoded ({reader.fault}); get an undamaged copy"
    if reader.frames:
        return f"its header declares {reader.frames / reader.rate:.2f} s but no sound follows; get the whole file"
    return "has a header but holds no sound; record or copy it again"


def _unrecorded(reader: Reader) -> int:
    """Samples read so far that are silent because nothing was recorded."""
    return sum(last - first for first, last in reader.gaps)


def _missing(reader: Reader, decoded: int) -> str | None:
    """One line about what could not be heard, None when all was."""
    heard = (decoded - reader.lost - _unrecorded(reader)) / reader.rate
    why = f" ({reader.fault})" if reader.fault else ""
    declared = (max(reader.frames or 0, decoded if reader.lost else 0) - _unrecorded(reader)) / reader.rate
    if heard <= 0:
        return f"{reader.name}: {_nothing(reader)}"
    if (declared - heard) * reader.rate > reader.slack:
        return (
            f"{reader.name}: only {heard:.2f} s of {declared:.2f} s can be decoded, {declared - heard:.2f} s are missing{why}; "
            "what is there was heard, get the whole file for the rest"
        )
    if reader.fault:
        return (
            f"{reader.name}: is cut or damaged{why}, how much is missing is not known; the {heard:.2f} s that decode were heard, "
            "get the whole file for the rest"
        )
    return None
