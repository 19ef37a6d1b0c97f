"""Vectors of texts, kept on disk: a large text tower reads the words of a vocabulary once, not at every start.

An entry is named by the hash of what made it: the model's fingerprint and the exact texts. It holds the same again, so that a foreign file
under that name is told from it; what is foreign, damaged or unreadable is made anew. AURICLE_CACHE names the folder; empty, it turns the
cache off. No entry is ever unpickled, and the folder keeps to LIMIT bytes by forgetting what was used longest ago.
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

#: Bytes of all entries together; an entry over a quarter of them is not kept.
LIMIT = 128_000_000

#: Texts to their vectors (n, D).
Embed: TypeAlias = Callable[[Sequence[str]], np.ndarray]

_FORMAT = 1
_DAMAGED = (OSError, ValueError, KeyError, EOFError, NotImplementedError, MemoryError, zipfile.BadZipFile, zlib.error)


def folder() -> Path | None:
    """Where entries lie: AURICLE_CACHE, else XDG_CACHE_HOME/auricle, else ~/.cache/auricle. None where AURICLE_CACHE is empty."""
    named = os.environ.get("AURICLE_CACHE")
    if named is not None:
        return Path(named) / "text" if named else None
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auricle" / "text"
    except RuntimeError:  # nobody's home
        return None


def vectors(texts: Sequence[str], embed: Embed, *, fingerprint: str) -> np.ndarray:
    """embed(texts), float32 (n, D), from the cache where it is there. fingerprint: of the model that embeds."""
    home = folder()
    about = json.dumps([_FORMAT, fingerprint, list(texts)]).encode()
    if home is None:
        return np.asarray(embed(texts), dtype=np.float32)
    path = home / f"{hashlib.sha256(about).hexdigest()}.npz"
    found = _read(path, about, len(texts))
    if found is None:
        found = np.asarray(embed(texts), dtype=np.float32)
        with suppress(OSError, WriteError):  # a full or locked disk costs time, not the answer
            _write(path, about, found)
            _forget(home, path)
    return found


def _read(path: Path, about: bytes, count: int) -> np.ndarray | None:
    """The entry's vectors (count, D); None where there is none, or one that is not what its name says."""
    try:
        with zipfile.ZipFile(path) as entry:
            if sum(member.file_size for member in entry.infolist()) > LIMIT // 4:
                return None
        with np.load(path, allow_pickle=False) as entry:
            made, found = entry["about"].tobytes(), entry["vectors"]
    except _DAMAGED:
        return None
    if made != about or found.dtype != np.float32 or found.ndim != 2 or len(found) != count or not np.isfinite(found).all():
        return None
    with suppress(OSError):
        os.utime(path)
    return np.asarray(found)


def _write(path: Path, about: bytes, found: np.ndarray) -> None:
    """Whole or not at all: a reader or a crash never meets half an entry."""
    if found.nbytes + len(about) > LIMIT // 4 - 10_000:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with atomic_file(path) as partial, partial.open("wb") as stream:
        np.savez(stream, about=np.frombuffer(about, np.uint8), vectors=found)


def _forget(home: Path, newest: Path) -> None:
    """Take away what was used longest ago, and what a crash left half-written, until the folder keeps to its limit."""
    entries, size = [], newest.stat().st_size if newest.exists() else 0
    for path in (*home.glob("*.npz"), *home.glob(f".*{PARTIAL}")):
        with suppress(FileNotFoundError):  # another process forgot it first
            if path != newest:
                entries.append((path.stat().st_mtime, path.stat().st_size, path))
    size += sum(one for _, one, _ in entries)
    for _, one, path in sorted(entries):
        if size <= LIMIT:
            break
        path.unlink(missing_ok=True)
        size -= one
