"""What a model hears in each clip, once: vectors of its windows in both spaces and the scores of its own labels.

Kept under AURICLE_CACHE (empty turns it off) by the hash of the clip's bytes, of the part that is heard, of the model's fingerprint and of
what runs it: a second suite of the same clips starts at once, and changed weights or a changed file never meet old vectors.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from auricle.bench.disk_cache import DiskCache
from auricle.core.cache import cache_folder
from auricle.core.errors import InputError, SoundError
from auricle.data import shards
from auricle.data.item import Item
from auricle.listen.heads import Example
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Source, Space, Worker
from auricle.listen.scores import unit

_FORMAT = 1
_KEPT_TOGETHER = 64  # clips heard between two writes
_SHOWN = 3  # failed clips in an error
_HEAD = struct.Struct("<?4i")


@dataclasses.dataclass(frozen=True, eq=False)
class Vectors:
    """One clip. words (W, D), likeness (W, E): unit vectors of its windows that sound, float32. seconds (W,). scores (K,): its labels'.

    silent: nothing sounds; there is one window then, with the vectors of what is there.
    """

    words: np.ndarray
    likeness: np.ndarray
    seconds: np.ndarray
    scores: np.ndarray
    silent: bool

    def mean(self, space: Space) -> np.ndarray:
        """Unit vector of the whole clip (D,) or (E,): the mean of its windows by length."""
        return unit((self.seconds @ (self.words if space == "words" else self.likeness)).astype(np.float64))

    def sounding(self) -> Iterator[tuple[np.ndarray, float]]:
        """Vectors (D,) of windows that sound, with their seconds."""
        if not self.silent:
            yield from zip(self.words, self.seconds.tolist(), strict=True)

    def pack(self) -> bytes:
        """As bytes; `unpack` is the inverse."""
        sizes = (len(self.seconds), self.words.shape[1], self.likeness.shape[1], len(self.scores))
        parts = (self.words, self.likeness, self.seconds, self.scores)
        return _HEAD.pack(self.silent, *sizes) + b"".join(np.ascontiguousarray(part, "<f4").tobytes() for part in parts)

    @staticmethod
    def unpack(told: bytes) -> Vectors | None:
        """What `pack` made; None for bytes that are something else."""
        if len(told) < _HEAD.size:
            return None
        silent, windows, width, wide, labels = _HEAD.unpack_from(told)
        sizes = [(windows, width), (windows, wide), (windows,), (labels,)]
        counts = [int(np.prod(size)) for size in sizes]
        if min(windows, width, wide, labels) < 0 or len(told) != _HEAD.size + 4 * sum(counts):
            return None
        flat = np.split(np.frombuffer(told, "<f4", offset=_HEAD.size).astype(np.float32), np.cumsum(counts)[:-1])
        words, likeness, seconds, scores = (part.reshape(size) for part, size in zip(flat, sizes, strict=True))
        return Vectors(words, likeness, seconds, scores, silent)


def hear(listener: Listener, items: Sequence[Item], *, progress: Callable[[int, float, float], None] | None = None) -> list[Vectors]:
    """The Vectors of all clips, in their order. InputError names the first that cannot be heard; what was heard by then is kept.

    progress: as of a Listener; each clip counts one second.
    """
    shelf = None if os.environ.get("AURICLE_CACHE") == "" else DiskCache(cache_folder("bench") / "vectors.sqlite")
    keys = [_key(item, listener) for item in items]
    found = {} if shelf is None else _unpacked(shelf.find(list(dict.fromkeys(keys))))
    missing = list({key: place for place, key in enumerate(keys) if key not in found}.values())
    if progress is not None:
        for place in set(range(len(items))) - set(missing):
            progress(place, 1.0, 1.0)
    fresh: dict[str, bytes] = {}
    failed: list[str] = []
    told = listener.pipeline.each([items[place] for place in missing], lambda item, worker: _heard(listener, item, worker))
    for done, (place, one) in enumerate(zip(missing, told, strict=True), start=1):
        if isinstance(one, SoundError):
            failed.append(f"{items[place].id}: {one}")
        else:
            found[keys[place]] = one
            fresh[keys[place]] = one.pack()
        if progress is not None:
            progress(place, 1.0, 1.0)
        if shelf is not None and fresh and (done == len(missing) or len(fresh) >= _KEPT_TOGETHER):
            shelf.keep(fresh)
            fresh = {}
    if failed:
        more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        raise InputError(
            f"{len(failed)} of {len(items)} clips cannot be heard: {'; '.join(failed[:_SHOWN])}{more}; mend them or leave them out"
        )
    return [found[key] for key in keys]


def _unpacked(entries: dict[str, bytes]) -> dict[str, Vectors]:
    read = {key: Vectors.unpack(told) for key, told in entries.items()}
    return {key: one for key, one in read.items() if one is not None}


def _key(item: Item, listener: Listener) -> str:
    """What decides a clip's vectors, as a hash."""
    about = f"{_FORMAT}\0{listener.fingerprint}\0{listener.runtime.engine.name}\0{item.start}\0{item.end}\0"
    digest = hashlib.sha256(about.encode())
    try:
        if item.member:
            digest.update(hashlib.sha256(_member(item)).digest())
        else:
            with item.audio.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    except (OSError, InputError):
        digest.update(f"{item.audio}\0{item.member}".encode())  # hearing it will say what is wrong
    return digest.hexdigest()


@functools.lru_cache(maxsize=8)
def _places(shard: Path) -> dict[str, shards.Member]:
    """Where the members of a shard lie: its headers are read once."""
    return shards.list_members(shard)


def _member(item: Item) -> bytes:
    places = _places(item.audio)
    if item.member not in places:
        raise InputError(f"{item.audio}: holds no {item.member}")
    return shards.read_member(item.audio, places[item.member])


@contextmanager
def _source(item: Item) -> Iterator[Source]:
    """What a listener hears of an item; a member of a shard lies in a file of its own for as long."""
    end = float("inf") if item.end is None else item.end
    if not item.member:
        yield Example(str(item.audio), (), item.start, end).source()
        return
    with tempfile.TemporaryDirectory(prefix="auricle-") as folder:
        path = Path(folder) / Path(item.member).name
        path.write_bytes(_member(item))
        yield Example(str(path), (), item.start, end).source()


def _heard(listener: Listener, item: Item, worker: Worker) -> Vectors:
    try:
        with _source(item) as source:
            with worker.open(source) as recording:
                parts = list(recording)
            if recording.error:
                raise SoundError(recording.error)
            sounding = [part for part in parts if part.vector is not None and part.similarity is not None]
            if not sounding:
                words, likeness = (listener.embed_audio(source, space=space)[0] for space in ("words", "likeness"))
                return Vectors(words[None], likeness[None], np.ones(1, np.float32), np.zeros(len(listener.labels), np.float32), True)
    except InputError as error:  # a shard without the member, a stretch behind the end
        raise SoundError(str(error)) from error
    return Vectors(
        np.stack([part.vector for part in sounding if part.vector is not None]),
        np.stack([part.similarity for part in sounding if part.similarity is not None]),
        np.array([part.seconds for part in sounding], np.float32),
        np.max([part.clip for part in parts], axis=0),
        False,
    )
