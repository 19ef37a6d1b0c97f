"""Disk cache of text embeddings, so that the texts of a vocabulary are embedded once and not at every start.

An entry is named by the hash of its key: the fingerprint of the model and the exact texts. It also holds the key, so that a file from
elsewhere under that name is detected; such a file, or a damaged or unreadable one, is computed again and replaced. AURICLE_CACHE names the
folder; if it is empty the cache is off. Entries are never unpickled. The folder is limited to LIMIT bytes; the least recently used entries
are deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import numpy as np

from auricle.core.errors import WriteError
from auricle.core.files import PARTIAL, atomic_file

#: Most bytes of all entries together; an entry over a quarter of that is not stored.
LIMIT = 128_000_000

#: A function from n texts to their vectors (n, D).
Embed: TypeAlias = Callable[[Sequence[str]], np.ndarray]

_FORMAT = 1
# What reading a damaged entry raises; NotImplementedError is of zipfile, for a compression that it lacks.
_DAMAGED = (OSError, ValueError, KeyError, EOFError, NotImplementedError, MemoryError, zipfile.BadZipFile, zlib.error)


def folder() -> Path | None:
    """Folder of the entries: AURICLE_CACHE, else XDG_CACHE_HOME/auricle, else ~/.cache/auricle. None if AURICLE_CACHE is empty."""
    named = os.environ.get("AURICLE_CACHE")
    if named is not None:
        return Path(named) / "text" if named else None
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auricle" / "text"
    except RuntimeError:  # the user has no home folder
        return None


def embed_cached(texts: Sequence[str], embed: Embed, *, fingerprint: str) -> np.ndarray:
    """The result of embed(texts), float32 (n, D), from the cache if it is there. fingerprint: of the model that embeds."""
    home = folder()
    key = json.dumps([_FORMAT, fingerprint, list(texts)]).encode()
    if home is None:
        return np.asarray(embed(texts), dtype=np.float32)
    path = home / f"{hashlib.sha256(key).hexdigest()}.npz"
    vectors = _read(path, key, len(texts))
    if vectors is None:
        vectors = np.asarray(embed(texts), dtype=np.float32)
        with suppress(OSError, WriteError):  # without a writable disk the result is the same, only slower
            _write(path, key, vectors)
            _evict(home, path)
    return vectors


def _read(path: Path, key: bytes, count: int) -> np.ndarray | None:
    """Vectors (count, D) of an entry; None if there is no valid entry with this key."""
    try:
        with zipfile.ZipFile(path) as entry:
            if sum(member.file_size for member in entry.infolist()) > LIMIT // 4:
                return None
        with np.load(path, allow_pickle=False) as entry:
            stored, vectors = entry["about"].tobytes(), entry["vectors"]
    except _DAMAGED:
        return None
    if stored != key or vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != count or not np.isfinite(vectors).all():
        return None
    with suppress(OSError):
        os.utime(path)
    return np.asarray(vectors)


def _write(path: Path, key: bytes, vectors: np.ndarray) -> None:
    """Write an entry atomically."""
    if vectors.nbytes + len(key) > LIMIT // 4 - 10_000:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with atomic_file(path) as partial, partial.open("wb") as stream:
        np.savez(stream, about=np.frombuffer(key, np.uint8), vectors=vectors)


def _evict(home: Path, newest: Path) -> None:
    """Delete the least recently used entries, and partial files that a crash left, until the folder is within its limit."""
    entries, size = [], newest.stat().st_size if newest.exists() else 0
    for path in (*home.glob("*.npz"), *home.glob(f".*{PARTIAL}")):
        with suppress(FileNotFoundError):  # another process deleted it
            if path != newest:
                entries.append((path.stat().st_mtime, path.stat().st_size, path))
    size += sum(one for _, one, _ in entries)
    for _, one, path in sorted(entries):
        if size <= LIMIT:
            break
        path.unlink(missing_ok=True)
        size -= one
