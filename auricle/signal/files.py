"""Files and arrays as streams of windows: any rate from 4 to 192 kHz, 1 to 64 channels, memory bounded by a few windows.

Bad input raises SoundError with one line that names the file, what is wrong and what to do. A file that is cut or damaged is
heard as far as it decodes; the stream then says in `error` how much is missing. No sound is ever made up for what is not there.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from auricle.core.errors import InputError, SoundError
from auricle.core.records import Clip
from auricle.signal import containers
from auricle.signal.frames import plan
from auricle.signal.reader import ArrayReader, ChainReader, Reader, Samples, Skipping
from auricle.signal.resample import StreamResampler

RATES = (4_000, 192_000)  # Hz, lowest and highest that are heard
CHANNELS = 64  # the most that are heard
LOUDEST = 1e10  # 200 dB above full scale: beyond it the power of a frame leaves float32, and no recorder wrote it
_BLOCK = 1 << 16  # values (samples x channels) decoded at once: what a cache holds


@dataclasses.dataclass(frozen=True)
class Info:
    """What a file says about itself. frames: samples per channel, None where it does not tell; duration: seconds, then 0."""

    path: str
    rate: int
    channels: int
    frames: int | None
    format: str
    duration: float


@dataclasses.dataclass(frozen=True, eq=False)
class Window:
    """A stretch of a stream. samples: float32 (C, N) at the stream's rate; start: seconds of samples[:, 0] in the recording."""

    samples: Samples
    start: float
    last: bool


class Stream:
    """Windows of one recording, decoded as they are asked for. Iterate once; a context manager closes the file early.

    Attributes that grow while it is read: heard (seconds decoded), peak (largest |x| at the original rate),
    error (None, or one line saying how much is missing; final once the iteration has ended).
    """

    def __init__(self, reader: Reader, *, rate: int, seconds: float, context: float = 0.0, mono: bool = True) -> None:
        self.info = _info(reader)
        self.rate = rate
        self.peak = 0.0
        self.error: str | None = None
        self._reader, self._mono, self._plan = reader, mono, plan(rate, seconds=seconds, context=context)
        self._decoded = 0
        self._block = max(1024, _BLOCK // reader.channels)
        self._next: Samples | None = self._decode()  # a file that holds nothing is refused here, before any window
        if self._next is None:
            raise SoundError(f"{reader.name}: {_nothing(reader)}")

    @property
    def heard(self) -> float:
        """Seconds decoded so far, without damaged stretches that are given as silence."""
        return (self._decoded - self._reader.lost) / self.info.rate

    @property
    def end(self) -> float:
        """Seconds of the recording up to where it has been read: what was heard and the damaged stretches in between."""
        return self._decoded / self.info.rate

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
                yield Window(held[:, : self._plan.size].copy(), self._plan.start(index), False)
                held = held[:, self._plan.hop :]
                index += 1
            pieces, ready = [held], held.shape[1]
        yield Window(np.concatenate(pieces, axis=1), self._plan.start(index), True)

    def _resampled(self, channels: int) -> Iterator[Samples]:
        """Pieces (channels, n) at the stream's rate until the recording ends."""
        resampler = StreamResampler(self.info.rate, self.rate, channels)
        try:
            while self._next is not None:
                block, self._next = self._next, self._decode()
                yield resampler.push(_mean(block) if self._mono else block, last=self._next is None)
            self.error = _missing(self._reader, self._decoded)
        finally:
            self.close()

    def _decode(self) -> Samples | None:
        """The next block (C, n) at the original rate, checked; None at the end."""
        block = self._reader.read(self._block)
        if block.shape[1] == 0:
            return None
        peak = max(float(block.max()), -float(block.min()))
        if not peak <= LOUDEST:  # also true of NaN
            raise SoundError(_unusable(self._reader, block, self._decoded))
        self.peak = max(self.peak, peak)
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
    reader = _open(path)
    reader.close()
    return _info(reader)


def stream(path: str | os.PathLike[str], *, rate: int, seconds: float, context: float = 0.0, mono: bool = True) -> Stream:
    """Windows of a file: `seconds` long, overlapping by 2 * `context` seconds, resampled to `rate` Hz.

    mono: the mean of the channels, else all are kept. The last window is shorter, and is the first that reaches the end.
    """
    return _guarded(_open(path), rate=rate, seconds=seconds, context=context, mono=mono)


def stream_clip(clip: Clip, *, rate: int, seconds: float, context: float = 0.0, mono: bool = True) -> Stream:
    """Windows of sound in memory, by the same code as `stream`."""
    if not np.issubdtype(clip.samples.dtype, np.floating):
        raise SoundError(f"{clip.name}: samples are {clip.samples.dtype}; wanted floats, divide them by their full scale")
    reader = ArrayReader(clip.samples, clip.rate, clip.name)
    _check_format(reader)
    return _guarded(reader, rate=rate, seconds=seconds, context=context, mono=mono)


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
    reader = _open(path)
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
    reader = _open(path)
    first, last = round(start * reader.rate), end * reader.rate
    pieces = []
    try:
        at = reader.skip(first) if isinstance(reader, Skipping) else 0
        while at < last and (block := reader.read(max(1024, _BLOCK // reader.channels))).shape[1]:
            pieces.append(block[:, max(0, first - at) : max(0, round(min(last - at, block.shape[1])))])
            at += block.shape[1]
    finally:
        reader.close()
    samples = np.concatenate(pieces, axis=1) if pieces else np.zeros((reader.channels, 0), np.float32)
    if not samples.shape[1]:
        raise InputError(f"{reader.name}: nothing is at {start:g} to {end:g} s; it lasts {at / reader.rate:g} s")
    return Clip(samples, reader.rate, os.fspath(path))


def printable(path: object) -> str:
    """A path as one printable line, whatever bytes its name has."""
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path)
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _mean(block: Samples) -> Samples:
    """The mean (1, n) of the channels of a block (C, n)."""
    if len(block) > 8:
        return np.asarray(block.mean(axis=0, keepdims=True))
    total = block[:1].copy()  # channel by channel: numpy is slow where the axis that it sums over is short
    for channel in block[1:]:
        total += channel
    total *= np.float32(1 / len(block))
    return total


def _guarded(reader: Reader, *, rate: int, seconds: float, context: float = 0.0, mono: bool) -> Stream:
    try:
        return Stream(reader, rate=rate, seconds=seconds, context=context, mono=mono)
    except BaseException:
        reader.close()
        raise


def _open(path: str | os.PathLike[str]) -> Reader:
    """The reader that can decode this file, its size and kind checked before any decoder sees it."""
    name = printable(path)
    _check_file(path, name)
    kind = containers.kind(path) or ("mp3" if name.lower().endswith(".mp3") else None)  # an mp3 may start with junk
    if kind is None:
        raise SoundError(f"{name}: is no sound file that we know; wanted wav, flac, ogg, opus, mp3, aiff, m4a, mp4, webm or aac")
    reader: Reader
    if kind in containers.PACKED:
        from auricle.signal.av_reader import AvReader

        reader = AvReader(path, name, kind)
    else:
        reader = _native(Path(path), name, containers.examine(path, kind))
    _check_format(reader)
    return reader


def _native(path: Path, name: str, finding: containers.Finding) -> Reader:
    """The reader for a file that libsndfile decodes, or for the chain of recordings in it."""
    from auricle.signal.soundfile_reader import SoundfileReader

    if finding.hopeless:
        raise SoundError(f"{name}: cannot be decoded ({finding.hopeless}); get an undamaged copy")
    if not finding.links:
        return SoundfileReader(path, name, finding)
    fault = [None] * (len(finding.links) - 1) + [finding.fault]  # what shows that the file was cut belongs to its last link
    parts = [containers.Finding(source=source, fault=cut) for source, cut in zip(finding.links, fault, strict=True)]
    return ChainReader([functools.partial(SoundfileReader, path, name, part) for part in parts])


def _check_file(path: str | os.PathLike[str], name: str) -> None:
    """Refuse what is not a readable regular file with bytes in it."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise SoundError(f"{name}: is a directory; give the files in it, for instance {name.rstrip('/')}/*.wav")
        if not stat.S_ISREG(status.st_mode):  # a named pipe would block for ever, a device would never end
            raise SoundError(f"{name}: is not a regular file; copy the sound into a file first")
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        raise SoundError(f"{name}: no such file; check the name and the folder") from error
    except PermissionError as error:
        raise SoundError(f"{name}: may not be read; change its permissions (chmod +r) or run as its owner") from error
    except (OSError, ValueError) as error:
        raise SoundError(f"{name}: cannot be opened ({getattr(error, 'strerror', None) or error}); check the path") from error
    if status.st_size == 0:
        raise SoundError(f"{name}: is empty (0 bytes); record or copy it again")


def _check_format(reader: Reader) -> None:
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


def _info(reader: Reader) -> Info:
    return Info(reader.name, reader.rate, reader.channels, reader.frames, reader.format, (reader.frames or 0) / reader.rate)


def _nothing(reader: Reader) -> str:
    if reader.fault:
        return f"nothing in it can be decoded ({reader.fault}); get an undamaged copy"
    if reader.frames:
        return f"its header declares {reader.frames / reader.rate:.2f} s but no sound follows; get the whole file"
    return "has a header but holds no sound; record or copy it again"


def _unusable(reader: Reader, block: Samples, before: int) -> str:
    """Why the samples of a block (C, n) that starts `before` samples into the recording cannot be used, and where."""
    bad = ~(np.abs(block).max(axis=0) <= LOUDEST)
    at = int(bad.argmax())
    value = block[:, at][~(np.abs(block[:, at]) <= LOUDEST)][0]
    second = (before + at) / reader.rate
    return f"{reader.name}: a sample at {second:.3f} s is {value:g}; wanted finite numbers, full scale +-1: export the file again"


def _missing(reader: Reader, decoded: int) -> str | None:
    """One line about what could not be heard, None when all was."""
    heard = (decoded - reader.lost) / reader.rate
    why = f" ({reader.fault})" if reader.fault else ""
    declared = max(reader.frames or 0, decoded if reader.lost else 0) / reader.rate
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
