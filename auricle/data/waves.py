"""Decode once: items in, one int16 wave a clip out, mapped from disk and shared by every process that trains on them.

A folder of waves is made on first use. It is made in parts; a part that is there is whole, so that an interrupted making goes on where
it was, and several processes that open the same waves at once share the parts among them.
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
from auricle.core.workers import cpu_count, ordered
from auricle.data import shards
from auricle.data.item import Item
from auricle.signal import opening, streaming
from auricle.signal.resample import resample

Wave = NDArray[np.int16]

FORMAT = 1
#: Seconds; a clip that is longer fails unless a length to cut it to is given.
LONGEST = 600.0
#: A folder has at most so many parts, since each is one open map; and a part at least so many clips.
_PARTS, _SMALLEST = 256, 256
_SLACK = 0.1  # seconds read beyond the longest, by which a longer clip is told


class Waves:
    """Waves of items, in their order.

    rate: Hz. lengths: int64 (items,), samples of each. failed: index -> why it cannot be heard; such a wave has length 0.
    cut: how many were longer than asked and end there.
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
        """Samples (N,) int16 of one clip, mono, full scale 32768; a read-only view of the file."""
        if not 0 <= index < len(self):
            raise IndexError(f"wave {index} of {len(self)}")
        part = index // self._size
        if part not in self._maps:
            path = self._parts[part]
            self._maps[part] = np.memmap(path, np.int16, "r") if path.stat().st_size else np.zeros(0, np.int16)
        start = int(self._starts[index])
        return self._maps[part][start : start + int(self.lengths[index])]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_maps": {}}  # a process that gets a copy maps the files itself


def open_waves(
    items: Sequence[Item],
    folder: Path,
    *,
    rate: int,
    longest: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Waves:
    """The waves of these items at `rate` Hz, made on first use under folder and mapped from then on.

    longest: seconds that clips are cut to; without it a clip of more than LONGEST fails. A clip that passes full scale is turned down to
    it. Another rate, length, order, path, size or date of any file makes a folder of its own. progress: clips that are done, and all.
    """
    if not items:
        raise InputError("there are no items to decode; wanted at least one")
    low, high = opening.RATES
    if not low <= rate <= high or (longest is not None and not longest > 0):
        raise InputError(f"rate {rate} Hz, longest {longest} s; wanted {low} to {high} Hz, and seconds above 0 or none")
    home = make_folder(folder / _key(items, rate, longest))
    size = max(_SMALLEST, -(-len(items) // _PARTS))
    making = _Making(items, home, rate, longest, size)
    _make(making, progress or (lambda done, total: None))
    tables = [json.loads(making.table(part).read_text(encoding="utf-8")) for part in making.parts]
    waves = Waves(rate, np.concatenate([np.array(table["lengths"], np.int64) for table in tables]), making.waves(), size)
    waves.cut = sum(table["cut"] for table in tables)
    for part, table in zip(making.parts, tables, strict=True):
        waves.failed |= {part * size + int(place): why for place, why in table["failed"].items()}
    return waves


@dataclass(frozen=True)
class _Making:
    """What is made where. size: clips of a part."""

    items: Sequence[Item]
    home: Path
    rate: int
    longest: float | None
    size: int

    @property
    def parts(self) -> range:
        return range(-(-len(self.items) // self.size))

    def of(self, part: int) -> Sequence[Item]:
        """The items of a part."""
        return self.items[part * self.size : (part + 1) * self.size]

    def waves(self) -> list[Path]:
        """The file of each part."""
        return [self.home / f"{part:05d}.int16" for part in self.parts]

    def table(self, part: int) -> Path:
        """What is told of a part's waves; a part whose table is there is whole."""
        return self.home / f"{part:05d}.json"


def _key(items: Sequence[Item], rate: int, longest: float | None) -> str:
    states: dict[Path, tuple[int, int]] = {}
    said = hashlib.sha256(repr((FORMAT, rate, longest)).encode())
    for item in items:
        if item.audio not in states:
            states[item.audio] = _state(item.audio)
        said.update(repr((str(item.audio), item.member, item.start, item.end, states[item.audio])).encode())
    return said.hexdigest()[:16]


def _state(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # gone, or no name of a file
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _make(making: _Making, progress: Callable[[int, int], None]) -> None:
    """Make what is missing. A part that another process is at is left to it, and waited for once nothing else is left."""
    left = [part for part in making.parts if not making.table(part).exists()]
    while left:
        busy = []
        for part in left:
            with _claimed(making.table(part), wait=len(left) == 1) as mine:
                if mine and not making.table(part).exists():
                    _make_part(making, part)
            if not mine:
                busy.append(part)
            done = sum(len(making.of(each)) for each in making.parts if making.table(each).exists())
            progress(done, len(making.items))
        if len(busy) == len(left):
            with _claimed(making.table(busy[0]), wait=True):
                pass
        left = [part for part in busy if not making.table(part).exists()]


@contextmanager
def _claimed(path: Path, *, wait: bool) -> Iterator[bool]:
    """True where this process alone may make the file. A process that dies gives its claim back."""
    lock = path.with_suffix(".lock")
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
        if path.exists():  # whoever waits for the lock looks for the file first, so nobody needs it any more
            lock.unlink(missing_ok=True)


def _make_part(making: _Making, part: int) -> None:
    items, target = making.of(part), making.waves()[part]
    for left in making.home.glob(f".{target.name}.*{PARTIAL}"):  # of a process that was killed at this part
        left.unlink(missing_ok=True)
    held = {path: _places(path) for path in {item.audio for item in items if item.member}}
    lengths, failed, cut = [], {}, 0
    with atomic_file(target) as partial, partial.open("wb") as file, ThreadPoolExecutor(cpu_count()) as pool:
        heard = ordered(lambda item: _hear(item, held, making.rate, making.longest), items, pool=pool, ahead=4 * cpu_count())
        for place, (wave, longer, why) in enumerate(heard):
            file.write(wave.tobytes())
            lengths.append(len(wave))
            cut += longer
            if why:
                failed[place] = why
    write_text(making.table(part), json.dumps({"lengths": lengths, "failed": failed, "cut": cut}))


Heard = tuple[Wave, bool, str]


def _places(path: Path) -> Mapping[str, shards.Place] | str:
    try:
        return shards.places(path)
    except InputError as error:
        return str(error)


def _hear(item: Item, held: Mapping[Path, Mapping[str, shards.Place] | str], rate: int, longest: float | None) -> Heard:
    """The wave of an item, whether it was cut, and why there is none."""
    try:
        samples = _of_member(item, held[item.audio], rate, longest) if item.member else _of_file(item, item.audio, rate, longest)
    except (SoundError, InputError) as error:
        return np.zeros(0, np.int16), False, str(error)
    most = round((longest or LONGEST) * rate)
    if len(samples) <= most:
        return _int16(samples), False, ""
    if longest is None:
        why = f"{item.id}: lasts more than {LONGEST:g} s; give a length to cut clips to, or the part that is wanted (start, end)"
        return np.zeros(0, np.int16), False, why
    return _int16(samples[:most]), True, ""


def _of_member(item: Item, places: Mapping[str, shards.Place] | str, rate: int, longest: float | None) -> NDArray[np.float32]:
    if isinstance(places, str):
        raise InputError(places)
    if item.member not in places:
        raise InputError(f"{item.audio}: holds no {item.member}")
    ending = Path(item.member).suffix.lower()
    with tempfile.NamedTemporaryFile(suffix=ending if ending[1:] in shards.SOUNDS else "") as file:  # decoders want a file
        file.write(shards.sound(item.audio, places[item.member]))
        file.flush()
        try:
            return _of_file(item, Path(file.name), rate, longest)
        except (SoundError, InputError) as error:
            raise InputError(str(error).replace(file.name, f"{item.audio}: {item.member}")) from error


def _of_file(item: Item, path: Path, rate: int, longest: float | None) -> NDArray[np.float32]:
    """Samples (N,) of an item's part of a file, at most a little longer than the longest."""
    most = (longest or LONGEST) + _SLACK
    if item.start == 0.0 and item.end is None:
        return np.asarray(streaming.read(path, rate=rate, mono=True, max_seconds=most).samples[0])
    part = streaming.cut(path, item.start, min(item.start + most, item.end or np.inf))
    return np.asarray(resample(part.samples.mean(axis=0, keepdims=True), part.rate, rate)[0])


def _int16(samples: NDArray[np.float32]) -> Wave:
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > 1.0:
        samples = samples / np.float32(peak)
    return np.asarray(np.minimum(np.rint(samples * 32768.0), 32767.0), np.int16)
