"""Embeddings and label scores of the clips of a suite, computed once and cached on disk.

Cached under AURICLE_CACHE (empty turns it off) by the hash of the clip's bytes, its start and end, the model's fingerprint and the runtime:
a second suite with the same clips starts at once, and changed weights or files never use old embeddings.
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
_BATCH = 64  # clips between two writes to the cache
_SHOWN = 3  # failed clips in an error
_HEADER = struct.Struct("<?4i")


@dataclasses.dataclass(frozen=True, eq=False)
class ClipEmbeddings:
    """Embeddings of one clip's W windows that are not silent, float32, unit length.

    words (W, D): text-aligned. similarity (W, E): to compare with sounds. seconds (W,): lengths of the windows. scores (K,): highest score
    of each label over the windows. silent: all windows are silent; there is one then, with the embeddings of the silence.
    """

    words: np.ndarray
    similarity: np.ndarray
    seconds: np.ndarray
    scores: np.ndarray
    silent: bool

    def mean(self, space: Space) -> np.ndarray:
        """Embedding of the clip, (D,) or (E,), unit length: the mean of its windows weighted by length."""
        return unit((self.seconds @ (self.words if space == "words" else self.similarity)).astype(np.float64))

    def sounding(self) -> Iterator[tuple[np.ndarray, float]]:
        """Text-aligned embeddings (D,) of windows that are not silent, with their lengths in seconds."""
        if not self.silent:
            yield from zip(self.words, self.seconds.tolist(), strict=True)

    def pack(self) -> bytes:
        """Encode as bytes; `unpack` is the inverse."""
        sizes = (len(self.seconds), self.words.shape[1], self.similarity.shape[1], len(self.scores))
        parts = (self.words, self.similarity, self.seconds, self.scores)
        return _HEADER.pack(self.silent, *sizes) + b"".join(np.ascontiguousarray(part, "<f4").tobytes() for part in parts)

    @staticmethod
    def unpack(data: bytes) -> ClipEmbeddings | None:
        """Decode bytes of `pack`; None for any other bytes."""
        if len(data) < _HEADER.size:
            return None
        silent, windows, dim, similarity_dim, labels = _HEADER.unpack_from(data)
        sizes = [(windows, dim), (windows, similarity_dim), (windows,), (labels,)]
        counts = [int(np.prod(size)) for size in sizes]
        if min(windows, dim, similarity_dim, labels) < 0 or len(data) != _HEADER.size + 4 * sum(counts):
            return None
        flat = np.split(np.frombuffer(data, "<f4", offset=_HEADER.size).astype(np.float32), np.cumsum(counts)[:-1])
        words, similarity, seconds, scores = (part.reshape(size) for part, size in zip(flat, sizes, strict=True))
        return ClipEmbeddings(words, similarity, seconds, scores, silent)


def embed_items(
    listener: Listener, items: Sequence[Item], *, progress: Callable[[int, float, float], None] | None = None
) -> list[ClipEmbeddings]:
    """Embeddings of clips, in their order. InputError names the first clips that fail; finished ones are cached.

    progress: as of a Listener; each clip counts one second.
    """
    cache = None if os.environ.get("AURICLE_CACHE") == "" else DiskCache(cache_folder("bench") / "vectors.sqlite")
    keys = [_key(item, listener) for item in items]
    results = {} if cache is None else _unpack_all(cache.get(list(dict.fromkeys(keys))))
    missing = list({key: index for index, key in enumerate(keys) if key not in results}.values())
    if progress is not None:
        for index in set(range(len(items))) - set(missing):
            progress(index, 1.0, 1.0)
    fresh: dict[str, bytes] = {}
    failed: list[str] = []
    outcomes = listener.pipeline.each([items[index] for index in missing], lambda item, worker: _embed_item(listener, item, worker))
    for done, (index, outcome) in enumerate(zip(missing, outcomes, strict=True), start=1):
        if isinstance(outcome, SoundError):
            failed.append(f"{items[index].id}: {outcome}")
        else:
            results[keys[index]] = outcome
            fresh[keys[index]] = outcome.pack()
        if progress is not None:
            progress(index, 1.0, 1.0)
        if cache is not None and fresh and (done == len(missing) or len(fresh) >= _BATCH):
            cache.put(fresh)
            fresh = {}
    if failed:
        more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        raise InputError(
            f"{len(failed)} of {len(items)} clips cannot be read: {'; '.join(failed[:_SHOWN])}{more}; repair them or leave them out"
        )
    return [results[key] for key in keys]


def _unpack_all(entries: dict[str, bytes]) -> dict[str, ClipEmbeddings]:
    unpacked = {key: ClipEmbeddings.unpack(data) for key, data in entries.items()}
    return {key: one for key, one in unpacked.items() if one is not None}


def _key(item: Item, listener: Listener) -> str:
    """Hash of everything that a clip's embeddings depend on."""
    return content_key(item, f"{_FORMAT}\0{listener.fingerprint}\0{listener.runtime.engine.name}")


def content_key(item: Item, settings: str) -> str:
    """Hash of the bytes of an item's file, its start and end, and the settings of what is computed from it."""
    digest = hashlib.sha256(f"{settings}\0{item.start}\0{item.end}\0".encode())
    try:
        if item.member:
            digest.update(hashlib.sha256(_read_member(item)).digest())
        else:
            with item.audio.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    except (OSError, InputError):
        digest.update(f"{item.audio}\0{item.member}".encode())  # reading it raises the error
    return digest.hexdigest()


@functools.lru_cache(maxsize=8)
def _members(shard: Path) -> dict[str, shards.Member]:
    """Members of a shard by name, cached so that its headers are read once."""
    return shards.list_members(shard)


def _read_member(item: Item) -> bytes:
    members = _members(item.audio)
    if item.member not in members:
        raise InputError(f"{item.audio}: has no member {item.member}")
    return shards.read_member(item.audio, members[item.member])


@contextmanager
def open_source(item: Item) -> Iterator[Source]:
    """The source of an item for a Listener; a member of a shard is written to a temporary file."""
    end = float("inf") if item.end is None else item.end
    if not item.member:
        yield Example(str(item.audio), (), item.start, end).source()
        return
    with tempfile.TemporaryDirectory(prefix="auricle-") as folder:
        path = Path(folder) / Path(item.member).name
        path.write_bytes(_read_member(item))
        yield Example(str(path), (), item.start, end).source()


def _embed_item(listener: Listener, item: Item, worker: Worker) -> ClipEmbeddings:
    try:
        with open_source(item) as source:
            with worker.open(source) as recording:
                parts = list(recording)
            if recording.error:
                raise SoundError(recording.error)
            sounding = [part for part in parts if part.vector is not None and part.similarity is not None]
            if not sounding:
                words, similarity = (listener.embed_audio(source, space=space)[0] for space in ("words", "similarity"))
                return ClipEmbeddings(
                    words[None], similarity[None], np.ones(1, np.float32), np.zeros(len(listener.labels), np.float32), True
                )
    except InputError as error:  # a shard without the member, or a segment after the end of the file
        raise SoundError(str(error)) from error
    return ClipEmbeddings(
        np.stack([part.vector for part in sounding if part.vector is not None]),
        np.stack([part.similarity for part in sounding if part.similarity is not None]),
        np.array([part.seconds for part in sounding], np.float32),
        np.max([part.clip for part in parts], axis=0),
        False,
    )
