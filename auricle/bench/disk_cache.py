"""A least-recently-used cache on disk: bytes by key in one SQLite file of at most LIMIT bytes.

Several processes may use it at once. A damaged file is replaced; on a full or locked disk the cache is skipped, without an error.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

#: Bytes of all entries together.
LIMIT = 1_000_000_000
_MAX_KEYS = 500  # in one statement: SQLite limits its variables


class DiskCache:
    """Cache of bytes by key. limit: bytes of all entries together. Use from one thread."""

    def __init__(self, path: Path, *, limit: int = LIMIT) -> None:
        self._path, self._limit = path, limit

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The stored entries among these keys; their time of use is updated."""
        entries: dict[str, bytes] = {}
        with suppress(sqlite3.OperationalError, OSError):
            self._prepare()
            with _Connection(self._path) as file:
                for start in range(0, len(keys), _MAX_KEYS):
                    some = list(keys[start : start + _MAX_KEYS])
                    marks = ",".join("?" * len(some))
                    entries.update(file.execute(f"SELECT key, value FROM entries WHERE key IN ({marks})", some).fetchall())
                    file.execute(f"UPDATE entries SET used = ? WHERE key IN ({marks})", [time.time(), *some])
        return entries

    def put(self, entries: Mapping[str, bytes]) -> None:
        """Store entries, and remove the least recently used ones until all fit the limit."""
        with suppress(sqlite3.Error, OSError):
            self._prepare()
            with _Connection(self._path) as file:
                now = time.time()
                file.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", [(key, now, value) for key, value in entries.items()])
                self._evict(file)

    def _evict(self, file: sqlite3.Connection) -> None:
        size = file.execute("SELECT COALESCE(SUM(LENGTH(value)), 0) FROM entries").fetchone()[0]
        if size <= self._limit:
            return
        for key, length in file.execute("SELECT key, LENGTH(value) FROM entries ORDER BY used").fetchall():
            file.execute("DELETE FROM entries WHERE key = ?", [key])
            size -= length
            if size <= self._limit:
                break

    def _prepare(self) -> None:
        """Create the file where there is none, and replace one that is not a database."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._create()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._path.unlink(missing_ok=True)
            self._create()

    def _create(self) -> None:
        with _Connection(self._path) as file:
            file.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, used REAL, value BLOB)")


class _Connection:
    """A connection that is committed, or rolled back after an error, and then closed."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, timeout=30)

    def __enter__(self) -> sqlite3.Connection:
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._file.rollback() if kind else self._file.commit()
        finally:
            self._file.close()
