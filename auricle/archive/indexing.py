"""Indexing of recordings into an archive; a further run processes only new and changed files.

Files are processed on all cores while the writer stores finished ones in batches of whole files. After an interruption the next run
continues from the last batch written.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from auricle.archive.sources import FileList
from auricle.archive.store import Archive
from auricle.core.errors import SoundError
from auricle.core.paths import is_missing, text_to_path
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Recording, WindowResult, Worker
from auricle.listen.vocabulary import SEPARATOR
from auricle.signal.opening import check_file
from auricle.signal.streaming import printable

_BATCH = 4096  # windows written at once ...
_MAX_UPDATES = 500  # ... or rows of files whose content is unchanged ...
_FLUSH_SECONDS = 10.0  # ... or what is ready after this time
#: Lower scores of labels are not stored with a window.
MIN_SCORE = 0.1


@dataclasses.dataclass
class Summary:
    """Counts of one indexing run: files by outcome, windows written, seconds of audio processed.

    missing: files of the archive that no longer exist, in folders that were searched; their rows stay. errors: a line for each folder
    that could not be read, and for each file that failed now and of which the archive keeps earlier windows.
    """

    new: int = 0
    changed: int = 0
    moved: int = 0
    missing: int = 0
    unchanged: int = 0
    failed: int = 0
    windows: int = 0
    seconds: float = 0.0
    errors: list[str] = dataclasses.field(default_factory=list)


#: Opens a recording: Listener.open, or Worker.open in a batch.
_Open: TypeAlias = Callable[..., Recording]

#: Called with the number of files done, their total, and seconds of audio processed so far.
Progress = Callable[[int, int, float], None]


@dataclasses.dataclass(frozen=True)
class _IndexedFile:
    """Rows of one file and of its windows."""

    row: dict[str, Any]
    windows: list[dict[str, Any]]


def index(archive: Archive, listener: Listener, found: FileList, *, progress: Progress | None = None) -> Summary:
    """Bring an archive up to date with a list of files. On an interrupt, finished files are written before it is raised.

    ArchiveError where the archive belongs to another model, or another process writes to it.

    >>> from pathlib import Path
    >>> from auricle.archive import indexing, sources
    >>> from auricle.archive.store import Archive
    >>> archive = Archive.create(Path("indexed.archive"), listener)
    >>> indexing.index(archive, listener, sources.find_recordings(["examples"])).new
    5
    """
    archive.check_model(listener)
    with archive.writing():
        run = _IndexingRun(archive, listener, found, progress)
        try:
            run.run()
        finally:
            run.flush()
        archive.optimize()
        return run.summary


class _IndexingRun:
    """One indexing run over a list of files."""

    def __init__(self, archive: Archive, listener: Listener, found: FileList, progress: Progress | None) -> None:
        self.archive, self.listener, self.found, self.progress = archive, listener, found, progress
        self.summary = Summary(errors=[f"{name}: this folder cannot be read; change its permissions" for name in found.unreadable])
        self.stored = archive.files()
        self.by_content: dict[str, list[str]] = {}
        for name, row in self.stored.items():
            self.by_content.setdefault(row["content"], []).append(name)
        self.old_names: set[str] = set()  # of moved files
        self.ready: list[_IndexedFile] = []
        self.updates: dict[str, dict[str, Any]] = {}  # by stored name: new values in rows of files whose content is unchanged
        self.flushed = time.monotonic()

    def run(self) -> None:
        """Process new and changed files, update moved ones, count missing ones."""
        todo = [name for name in self.found.files if not self._is_unchanged(name)]
        for name in self.found.files.keys() - todo:
            self._update_row(name, {})
        done = self.summary.unchanged
        self._report_progress(done)
        for name, result in zip(todo, self.listener.pipeline.each(todo, self._process), strict=True):
            if not isinstance(result, SoundError):
                self._store(result)
            elif name in self.stored and self.stored[name]["windows"]:
                self.summary.failed += 1
                self.summary.errors.append(f"{result}; its earlier windows stay in the archive")
            else:
                self._store(_IndexedFile(self._row(name, error=str(result)), []))
            done += 1
            self._report_progress(done)
        self.flush()
        absent = (name for name in self.stored.keys() - self.found.files.keys() if name not in self.old_names and self.found.covers(name))
        self.summary.missing = sum(is_missing(text_to_path(name)) for name in absent)

    def _is_unchanged(self, name: str) -> bool:
        row = self.stored.get(name)
        if row is None:
            return False
        try:
            stat = os.stat(text_to_path(name))
        except OSError:
            return False
        return bool(row["size"] == stat.st_size and row["modified"] == stat.st_mtime_ns)

    def _process(self, name: str, worker: Worker) -> _IndexedFile:
        """On a worker: hash a file, and compute its windows unless the archive has its content."""
        check_file(text_to_path(name), name)
        stat = os.stat(text_to_path(name))
        content = _digest(text_to_path(name), worker)
        facts = {"size": stat.st_size, "modified": stat.st_mtime_ns, "content": content}
        if self._has_content(name, content) or self._moved_from(content) is not None:
            return _IndexedFile({"file": name, "stored": True, **facts}, [])
        return self._index_file(name, facts, worker.open)

    def _index_file(self, name: str, facts: Mapping[str, Any], open_recording: _Open) -> _IndexedFile:
        """A file's row and windows; without windows, the row has the error."""
        try:
            return self._windows(name, facts, open_recording)
        except SoundError as error:
            return _IndexedFile(self._row(name, error=str(error), **facts), [])

    def _has_content(self, name: str, content: str) -> bool:
        """Whether the archive has this content under this name."""
        return name in self.stored and self.stored[name]["content"] == content

    def _moved_from(self, content: str) -> str | None:
        """The stored name of a file of this content that no longer exists and was not matched to another file yet."""
        names = (name for name in self.by_content.get(content, ()) if name not in self.old_names and name not in self.found.files)
        return next((name for name in names if is_missing(text_to_path(name))), None)

    def _windows(self, name: str, facts: Mapping[str, Any], open_recording: _Open) -> _IndexedFile:
        header = self.archive.header
        with open_recording(text_to_path(name), window=header.window, hop=header.hop) as recording:
            windows, silent = [], 0
            for part in recording:
                if part.sounding:
                    windows.append(self._window(part))  # converted at once: a part's frame-level outputs are large
                silent += not part.sounding
            outcome, info = recording.facts(), recording.sound.info
        outcome = {key: outcome[key] for key in ("duration", "coverage", "error")}
        row = self._row(name, rate=info.rate, channels=info.channels, windows=len(windows), silent=silent, **outcome, **facts)
        shared = {key: row[key] for key in ("file", "duration", "rate", "channels", "notes", "content")}
        return _IndexedFile(row, [shared | window for window in windows])

    def _window(self, part: WindowResult) -> dict[str, Any]:
        labels = self.listener.config.labels
        top = [int(number) for number in (-part.clip).argsort(kind="stable")[:10] if part.clip[number] >= MIN_SCORE]
        present = self.listener.present(part.clip)
        return {
            "onset": round(part.start, 4),
            "offset": round(part.start + part.seconds, 4),
            "tags": SEPARATOR.join(labels[number] for number in top if present[number]),
            "scores": [{"label": labels[number], "score": float(part.clip[number])} for number in top],
            "vector": part.vector,
            "likeness": part.similarity,
        }

    def _row(self, name: str, **values: Any) -> dict[str, Any]:
        empty = {"duration": 0.0, "rate": 0, "channels": 0, "size": 0, "modified": 0, "content": "", "windows": 0, "silent": 0}
        return {"file": name, "notes": self._notes(name, name), "coverage": 0.0, "error": None, **empty, **values}

    def _notes(self, name: str, old: str) -> str:
        """Notes of a file: those that come with its name, else those stored under its old name."""
        given = self.found.files.get(name)
        return given if given is not None else str(self.stored[old]["notes"]) if old in self.stored else ""

    def _store(self, file: _IndexedFile) -> None:
        """On the writer: count a file's outcome, and add it to the next batch."""
        row, name, summary = file.row, file.row["file"], self.summary
        if row.get("stored"):
            self._store_unchanged(name, row)
        else:
            summary.changed += name in self.stored
            summary.new += name not in self.stored
            summary.failed += row["error"] is not None and not row["windows"] and not row["coverage"]
            summary.windows += len(file.windows)
            summary.seconds += row["duration"] * row["coverage"]
            self.ready.append(file)
        if sum(len(one.windows) for one in self.ready) >= _BATCH or time.monotonic() - self.flushed > _FLUSH_SECONDS:
            self.flush()

    def _store_unchanged(self, name: str, row: Mapping[str, Any]) -> None:
        """A file whose content the archive has: written again unchanged, or moved, or a second copy of a moved file."""
        if self._has_content(name, row["content"]):
            self._update_row(name, {"modified": row["modified"]})
        elif (old := self._moved_from(row["content"])) is None:
            self._store(self._index_file(name, {key: row[key] for key in ("size", "modified", "content")}, self.listener.open))
        else:
            self.old_names.add(old)
            if name in self.stored:  # it was moved over another file
                self.archive.remove([name])
            error = self.stored[old]["error"]
            error = error and error.replace(printable(text_to_path(old)), printable(text_to_path(name)))
            self._update_row(name, {"file": name, "modified": row["modified"], "error": error}, old=old)

    def _update_row(self, name: str, values: dict[str, Any], *, old: str | None = None) -> None:
        """Add new values of a file whose content is unchanged to the next batch. old: its stored name, where it moved."""
        row, notes = self.stored[old or name], self._notes(name, old or name)
        self.summary.moved += old is not None
        self.summary.unchanged += old is None
        if notes != row["notes"]:
            values = values | {"notes": notes}
        if values:
            self.updates[old or name] = values
            if sum(self.stored[file]["windows"] for file in self.updates) >= _BATCH or len(self.updates) >= _MAX_UPDATES:
                self.flush()

    def flush(self) -> None:
        """Write the batch so far."""
        ready, self.ready = self.ready, []
        updates, self.updates = self.updates, {}
        self.archive.update_files(updates)
        replaced = [one.row["file"] for one in ready if one.row["file"] in self.stored]
        self.archive.write([one.row for one in ready], [window for one in ready for window in one.windows], replaced=replaced)
        self.flushed = time.monotonic()

    def _report_progress(self, done: int) -> None:
        if self.progress is not None:
            self.progress(done, len(self.found.files), self.summary.seconds)


def _digest(path: str, worker: Worker) -> str:
    """BLAKE2b hash of a file's bytes, 128 bits."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while (block := file.read(1 << 20)) and not worker.is_stopped:
            digest.update(block)
    return digest.hexdigest()
