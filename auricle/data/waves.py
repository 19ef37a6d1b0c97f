"""A cache of decoded clips: int16 waveforms, memory-mapped from disk and shared by all training processes.

The cache is built on first use, in parts that are complete once they exist, so that an interrupted build is resumed and several
processes that open the same waves at once divide the parts among them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError, SoundError
from auricle.core.files import PARTIAL, atomic_file, make_folder, write_text
from auricle.core.workers import cpu_count, map_ordered
from auricle.data import shards
from auricle.data.item import Item
from auricle.signal import opening, streaming
from auricle.signal.resample import resample

Wave = NDArray[np.int16]

FORMAT = 1
#: Seconds; a longer clip fails unless max_seconds is given.
MAX_SECONDS = 600.0
#: Most parts of a cache, since each is one open memory map, and fewest clips of a part.
_MAX_PARTS, _MIN_PART_CLIPS = 256, 256
_MARGIN = 0.1  # seconds read beyond the limit, to detect a longer clip


class Waves:
    """Decoded waveforms of items, in their order.

    rate: Hz. lengths: int64 (items,), samples of each. failed: index -> why it cannot be decoded; such a waveform has length 0.
    cut: number of clips that were cut to max_seconds.
    """

    def __init__(self, rate: int, lengths: NDArray[np.int64], parts: Sequence[Path], size: int) -> None:
        self.rate, self.lengths = rate, lengths
        self.failed: dict[int, str] = {}
        self.cut = 0
        self._size, self._parts = size, tuple(parts)
        firsts = range(0, len(lengths), size)
        self._starts = np.concatenate([np.cumsum(lengths[first : first + size]) - lengths[first : first + size] for first in firsts])
        self._maps: dict[int, Wave] = {}

    def __len__(self) -> int:
        return len(self.lengths)

    def wave(self, index: int) -> Wave:
        """Samples (N,) int16 of one clip, mono, full scale 32768, as a read-only view of the file. IndexError where there is none."""
        if not 0 <= index < len(self):
            raise IndexError(f"wave {index} of {len(self)}")
        part = index // self._size
        if part not in self._maps:
            path = self._parts[part]
            self._maps[part] = np.memmap(path, np.int16, "r") if path.stat().st_size else np.zeros(0, np.int16)
        start = int(self._starts[index])
        return self._maps[part][start : start + int(self.lengths[index])]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_maps": {}}  # another process maps the files itself


def open_waves(
    items: Sequence[Item],
    folder: Path,
    *,
    rate: int,
    max_seconds: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Waves:
    """Open the waveforms of these items at `rate` Hz, decoded on first use under folder and mapped afterwards.

    max_seconds: clips are cut to this length; None: a clip longer than MAX_SECONDS fails. A clip beyond full scale is attenuated to it.
    The cache key is the rate, max_seconds, and the order, paths, sizes and dates of the files. progress: (clips done, clips).
    InputError for no items or bad arguments; a clip that cannot be decoded is in `failed`.
    """
    if not items:
        raise InputError("there are no items to decode; wanted at least one")
    low, high = opening.RATES
    if not low <= rate <= high or (max_seconds is not None and not max_seconds > 0):
        raise InputError(f"rate {rate} Hz, max_seconds {max_seconds} s; wanted {low} to {high} Hz, and seconds above 0 or None")
    folder = make_folder(folder / _key(items, rate, max_seconds))
    size = max(_MIN_PART_CLIPS, -(-len(items) // _MAX_PARTS))
    build = _Build(items, folder, rate, max_seconds, size)
    _build_missing(build, progress or (lambda done, total: None))
    tables = [json.loads(build.table(part).read_text(encoding="utf-8")) for part in build.parts]
    waves = Waves(rate, np.concatenate([np.array(table["lengths"], np.int64) for table in tables]), build.waves(), size)
    waves.cut = sum(table["cut"] for table in tables)
    for part, table in zip(build.parts, tables, strict=True):
        waves.failed |= {part * size + int(index): error for index, error in table["failed"].items()}
    return waves


@dataclass(frozen=True)
class _Build:
    """The parameters of a cache. size: clips per part."""

    items: Sequence[Item]
    folder: Path
    rate: int
    max_seconds: float | None
    size: int

    @property
    def parts(self) -> range:
        return range(-(-len(self.items) // self.size))

    def items_of(self, part: int) -> Sequence[Item]:
        """The items of a part."""
        return self.items[part * self.size : (part + 1) * self.size]

    def waves(self) -> list[Path]:
        """The file of each part."""
        return [self.folder / f"{part:05d}.int16" for part in self.parts]

    def table(self, part: int) -> Path:
        """The file with lengths and failures of a part; written last, so that a part with it is complete."""
        return self.folder / f"{part:05d}.json"


def _key(items: Sequence[Item], rate: int, max_seconds: float | None) -> str:
    states: dict[Path, tuple[int, int]] = {}
    digest = hashlib.sha256(repr((FORMAT, rate, max_seconds)).encode())
    for item in items:
        if item.audio not in states:
            states[item.audio] = _state(item.audio)
        digest.update(repr((str(item.audio), item.member, item.start, item.end, states[item.audio])).encode())
    return digest.hexdigest()[:16]


def _state(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # missing, or not a valid file name
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _build_missing(build: _Build, progress: Callable[[int, int], None]) -> None:
    """Build the missing parts. A part that another process is building is skipped, and waited for once no other is missing."""
    missing = [part for part in build.parts if not build.table(part).exists()]
    while missing:
        busy = []
        for part in missing:
            with _locked(build.table(part), wait=len(missing) == 1) as locked:
                if locked and not build.table(part).exists():
                    _build_part(build, part)
            if not locked:
                busy.append(part)
            done = sum(len(build.items_of(each)) for each in build.parts if build.table(each).exists())
            progress(done, len(build.items))
        if len(busy) == len(missing):
            with _locked(build.table(busy[0]), wait=True):
                pass
        missing = [part for part in busy if not build.table(part).exists()]


@contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock of the file to build; False where another process holds it. The lock of a killed process is released."""
    lock = path.with_suffix(".lock")
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
        if path.exists():  # a process that waits for the lock checks for the file first, so the lock file is not needed any more
            lock.unlink(missing_ok=True)


def _build_part(build: _Build, part: int) -> None:
    items, target = build.items_of(part), build.waves()[part]
    for stale in build.folder.glob(f".{target.name}.*{PARTIAL}"):  # left by a process that was killed during this part
        stale.unlink(missing_ok=True)
    members = {path: _members_of(path) for path in {item.audio for item in items if item.member}}
    lengths, failed, cut = [], {}, 0
    with atomic_file(target) as partial, partial.open("wb") as file, ThreadPoolExecutor(cpu_count()) as pool:
        decoded = map_ordered(lambda item: _decode(item, members, build.rate, build.max_seconds), items, pool=pool, ahead=4 * cpu_count())
        for index, (wave, longer, error) in enumerate(decoded):
            file.write(wave.tobytes())
            lengths.append(len(wave))
            cut += longer
            if error:
                failed[index] = error
    write_text(build.table(part), json.dumps({"lengths": lengths, "failed": failed, "cut": cut}))


Decoded = tuple[Wave, bool, str]


def _members_of(path: Path) -> Mapping[str, shards.Member] | str:
    try:
        return shards.list_members(path)
    except InputError as error:
        return str(error)


def _decode(item: Item, members: Mapping[Path, Mapping[str, shards.Member] | str], rate: int, max_seconds: float | None) -> Decoded:
    """Decode an item: its waveform, whether it was cut, and the error, empty for none."""
    try:
        samples = (
            _decode_member(item, members[item.audio], rate, max_seconds)
            if item.member
            else _decode_file(item, item.audio, rate, max_seconds)
        )
    except (SoundError, InputError) as error:
        return np.zeros(0, np.int16), False, str(error)
    limit = round((max_seconds or MAX_SECONDS) * rate)
    if len(samples) <= limit:
        return _int16(samples), False, ""
    if max_seconds is None:
        message = f"{item.id}: is longer than {MAX_SECONDS:g} s; pass max_seconds to cut clips, or give the part to use (start, end)"
        return np.zeros(0, np.int16), False, message
    return _int16(samples[:limit]), True, ""


def _decode_member(item: Item, members: Mapping[str, shards.Member] | str, rate: int, max_seconds: float | None) -> NDArray[np.float32]:
    if isinstance(members, str):
        raise InputError(members)
    if item.member not in members:
        raise InputError(f"{item.audio}: contains no {item.member}")
    ending = Path(item.member).suffix.lower()
    with tempfile.NamedTemporaryFile(suffix=ending if ending[1:] in shards.SOUNDS else "") as file:  # the decoders read files
        file.write(shards.read_member(item.audio, members[item.member]))
        file.flush()
        try:
            return _decode_file(item, Path(file.name), rate, max_seconds)
        except (SoundError, InputError) as error:
            raise InputError(str(error).replace(file.name, f"{item.audio}: {item.member}")) from error


def _decode_file(item: Item, path: Path, rate: int, max_seconds: float | None) -> NDArray[np.float32]:
    """Samples (N,) of the item's part of a file, at most _MARGIN longer than the limit."""
    limit = (max_seconds or MAX_SECONDS) + _MARGIN
    if item.start == 0.0 and item.end is None:
        return np.asarray(streaming.read(path, rate=rate, mono=True, max_seconds=limit).samples[0])
    part = streaming.cut(path, item.start, min(item.start + limit, item.end or np.inf))
    return np.asarray(resample(part.samples.mean(axis=0, keepdims=True), part.rate, rate)[0])


def _int16(samples: NDArray[np.float32]) -> Wave:
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > 1.0:
        samples = samples / np.float32(peak)
    return np.asarray(np.minimum(np.rint(samples * 32768.0), 32767.0), np.int16)
