"""Arrays by the hash of what made them, on disk: one SQLite file that keeps to LIMIT bytes by forgetting what was used longest ago.

Several processes may use it at once. A file that is damaged is made anew; a full or locked disk costs time, never an answer.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

#: Bytes of all entries together.
LIMIT = 1_000_000_000
_AT_ONCE = 500  # keys asked for together: SQLite bounds the variables of a statement


class DiskCache:
    """Keys to bytes. Use from one thread."""

    def __init__(self, path: Path, *, limit: int = LIMIT) -> None:
        self._path, self._limit = path, limit

    def find(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The entries that are there, marked as used now."""
        found: dict[str, bytes] = {}
        with suppress(sqlite3.OperationalError, OSError):
            self._ready()
            with _open(self._path) as file:
                for start in range(0, len(keys), _AT_ONCE):
                    some = list(keys[start : start + _AT_ONCE])
                    holes = ",".join("?" * len(some))
                    found.update(file.execute(f"SELECT key, value FROM entries WHERE key IN ({holes})", some).fetchall())
                    file.execute(f"UPDATE entries SET used = ? WHERE key IN ({holes})", [time.time(), *some])
        return found

    def keep(self, entries: Mapping[str, bytes]) -> None:
        """Put entries in, and take out the oldest until the limit is kept."""
        with suppress(sqlite3.Error, OSError):
            self._ready()
            with _open(self._path) as file:
                now = time.time()
                file.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", [(key, now, value) for key, value in entries.items()])
                self._forget(file)

    def _forget(self, file: sqlite3.Connection) -> None:
        size = file.execute("SELECT COALESCE(SUM(LENGTH(value)), 0) FROM entries").fetchone()[0]
        if size <= self._limit:
            return
        for key, length in file.execute("SELECT key, LENGTH(value) FROM entries ORDER BY used").fetchall():
            file.execute("DELETE FROM entries WHERE key = ?", [key])
            size -= length
            if size <= self._limit:
                break

    def _ready(self) -> None:
        """Make the file where there is none, or one that is no database."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._create()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._path.unlink(missing_ok=True)
            self._create()

    def _create(self) -> None:
        with _open(self._path) as file:
            file.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, used REAL, value BLOB)")


class _open:  # noqa: N801  used as a function
    """A connection whose changes are kept where nothing was raised, and which is closed in any case."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, timeout=30)

    def __enter__(self) -> sqlite3.Connection:
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._file.rollback() if kind else self._file.commit()
        finally:
            self._file.close()
