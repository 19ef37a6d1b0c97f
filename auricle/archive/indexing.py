"""Indexing: recordings in, their windows in the store out. Repeatable: what has not changed is not heard again.

Files are heard on all cores while the writer stores those that are done, a batch at a time; a batch holds whole files only. Whatever
stops a run, the next one goes on from the last batch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from auricle.archive.sources import Found
from auricle.archive.store import Archive
from auricle.core.errors import SoundError
from auricle.core.paths import is_missing, text_to_path
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Part, Recording, Worker
from auricle.listen.vocabulary import SEPARATOR
from auricle.signal.opening import check_file
from auricle.signal.streaming import printable

_BATCH = 4096  # windows written at once ...
_CHANGES = 500  # ... or rows of files whose content stays ...
_PATIENCE = 10.0  # ... or what is ready after so many seconds
_LEAST = 0.1  # scores below are not kept with a window


@dataclasses.dataclass
class Summary:
    """What a run did: files by what became of them, seconds of sound heard, windows written.

    missing: files of the archive that are not where they were, in folders that were walked; their rows stay. errors: a line for each
    folder that could not be read, and for each file that could not be read now though the archive has windows of it.
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


#: Opens a recording: Pipeline.hear, or Worker.hear of a batch.
Hear: TypeAlias = Callable[..., Recording]

#: Called as files are done: how many of how many, and seconds of sound heard so far.
Progress = Callable[[int, int, float], None]


@dataclasses.dataclass(frozen=True)
class _Heard:
    """One file's row and its windows'."""

    row: dict[str, Any]
    windows: list[dict[str, Any]]


def index(archive: Archive, listener: Listener, found: Found, *, progress: Progress | None = None) -> Summary:
    """Bring the archive up to date with what was found. On an interrupt what is ready is written before it goes on its way."""
    archive.check(listener)
    with archive.writing():
        work = _Work(archive, listener, found, progress)
        try:
            work.run()
        finally:
            work.flush()
        archive.tidy()
        return work.summary


class _Work:
    """One run over what was found."""

    def __init__(self, archive: Archive, listener: Listener, found: Found, progress: Progress | None) -> None:
        self.archive, self.listener, self.found, self.progress = archive, listener, found, progress
        self.summary = Summary(errors=[f"{name}: this folder cannot be read; change its permissions" for name in found.unread])
        self.known = archive.files()
        self.by_content: dict[str, list[str]] = {}
        for name, row in self.known.items():
            self.by_content.setdefault(row["content"], []).append(name)
        self.gone: set[str] = set()  # names so far of files that moved
        self.ready: list[_Heard] = []
        self.followed: dict[str, dict[str, Any]] = {}  # by the name so far, what is new in rows of files whose content stays
        self.written = time.monotonic()

    def run(self) -> None:
        """Hear what is new or changed, follow what moved, count what is not there."""
        todo = [name for name in self.found.files if not self._is_unchanged(name)]
        for name in self.found.files.keys() - todo:
            self._follow(name, {})
        done = self.summary.unchanged
        self._tell(done)
        for name, heard in zip(todo, self.listener.pipeline.each(todo, self._hear), strict=True):
            if not isinstance(heard, SoundError):
                self._take(heard)
            elif name in self.known and self.known[name]["windows"]:
                self.summary.failed += 1
                self.summary.errors.append(f"{heard}; what the archive has of it stays")
            else:
                self._take(_Heard(self._row(name, error=str(heard)), []))
            done += 1
            self._tell(done)
        self.flush()
        lost = (name for name in self.known.keys() - self.found.files.keys() if name not in self.gone and self.found.covers(name))
        self.summary.missing = sum(is_missing(text_to_path(name)) for name in lost)

    def _is_unchanged(self, name: str) -> bool:
        row = self.known.get(name)
        if row is None:
            return False
        try:
            said = os.stat(text_to_path(name))
        except OSError:
            return False
        return bool(row["size"] == said.st_size and row["modified"] == said.st_mtime_ns)

    def _hear(self, name: str, worker: Worker) -> _Heard:
        """On a worker: a file's content, and its windows unless it is known."""
        check_file(text_to_path(name), name)
        said = os.stat(text_to_path(name))
        content = _digest(text_to_path(name), worker)
        about = {"size": said.st_size, "modified": said.st_mtime_ns, "content": content}
        if self._has(name, content) or self._moved_from(content) is not None:
            return _Heard({"file": name, "known": True, **about}, [])
        return self._listened(name, about, worker.hear)

    def _listened(self, name: str, about: Mapping[str, Any], hear: Hear) -> _Heard:
        """A file's windows, or the reason why there are none."""
        try:
            return self._windows(name, about, hear)
        except SoundError as error:
            return _Heard(self._row(name, error=str(error), **about), [])

    def _has(self, name: str, content: str) -> bool:
        """Whether the archive has this very content under this name."""
        return name in self.known and self.known[name]["content"] == content

    def _moved_from(self, content: str) -> str | None:
        """The file of this content that is not where it was, and that no other file was taken for yet."""
        names = (name for name in self.by_content.get(content, ()) if name not in self.gone and name not in self.found.files)
        return next((name for name in names if is_missing(text_to_path(name))), None)

    def _windows(self, name: str, about: Mapping[str, Any], hear: Hear) -> _Heard:
        header = self.archive.header
        with hear(text_to_path(name), window=header.window, hop=header.hop) as recording:
            windows, silent = [], 0
            for part in recording:
                if part.sounding:
                    windows.append(self._window(part))  # at once: what a part says of its frames is large
                silent += not part.sounding
            facts, info = recording.facts(), recording.sound.info
        told = {key: facts[key] for key in ("duration", "coverage", "error")}
        row = self._row(name, rate=info.rate, channels=info.channels, windows=len(windows), silent=silent, **told, **about)
        shared = {key: row[key] for key in ("file", "duration", "rate", "channels", "notes", "content")}
        return _Heard(row, [shared | window for window in windows])

    def _window(self, part: Part) -> dict[str, Any]:
        config = self.listener.config
        order = [int(place) for place in (-part.clip).argsort(kind="stable")[:10] if part.clip[place] >= _LEAST]
        there = self.listener.present(part.clip)
        present = [place for place in order if there[place]]
        return {
            "onset": round(part.start, 4),
            "offset": round(part.start + part.seconds, 4),
            "tags": SEPARATOR.join(config.labels[place] for place in present),
            "scores": [{"label": config.labels[place], "score": float(part.clip[place])} for place in order],
            "vector": part.vector,
            "likeness": part.likeness,
        }

    def _row(self, name: str, **said: Any) -> dict[str, Any]:
        empty = {"duration": 0.0, "rate": 0, "channels": 0, "size": 0, "modified": 0, "content": "", "windows": 0, "silent": 0}
        return {"file": name, "notes": self._notes(name, name), "coverage": 0.0, "error": None, **empty, **said}

    def _notes(self, name: str, old: str) -> str:
        """Notes of a file: those that its place gives it, or else those that the archive has of it, under its name so far."""
        said = self.found.files.get(name)
        return said if said is not None else str(self.known[old]["notes"]) if old in self.known else ""

    def _take(self, heard: _Heard) -> None:
        """On the writer: note what became of a file, and keep it for the next batch."""
        row, name, summary = heard.row, heard.row["file"], self.summary
        if row.get("known"):
            self._take_known(name, row)
        else:
            summary.changed += name in self.known
            summary.new += name not in self.known
            summary.failed += row["error"] is not None and not row["windows"] and not row["coverage"]
            summary.windows += len(heard.windows)
            summary.seconds += row["duration"] * row["coverage"]
            self.ready.append(heard)
        if sum(len(one.windows) for one in self.ready) >= _BATCH or time.monotonic() - self.written > _PATIENCE:
            self.flush()

    def _take_known(self, name: str, row: Mapping[str, Any]) -> None:
        """A file whose content the archive has: it was written again as it was, or moved, or is a second copy of one that moved."""
        if self._has(name, row["content"]):
            self._follow(name, {"modified": row["modified"]})
        elif (old := self._moved_from(row["content"])) is None:
            self._take(self._listened(name, {key: row[key] for key in ("size", "modified", "content")}, self.listener.hearing))
        else:
            self.gone.add(old)
            if name in self.known:  # it moved over another file
                self.archive.remove([name])
            error = self.known[old]["error"]
            error = error and error.replace(printable(text_to_path(old)), printable(text_to_path(name)))
            self._follow(name, {"file": name, "modified": row["modified"], "error": error}, old=old)

    def _follow(self, name: str, new: dict[str, Any], *, old: str | None = None) -> None:
        """Note what is new in the row of a file whose content stays. old: its name so far, where it moved."""
        row, notes = self.known[old or name], self._notes(name, old or name)
        self.summary.moved += old is not None
        self.summary.unchanged += old is None
        if notes != row["notes"]:
            new = new | {"notes": notes}
        if new:
            self.followed[old or name] = new
            if sum(self.known[file]["windows"] for file in self.followed) >= _BATCH or len(self.followed) >= _CHANGES:
                self.flush()

    def flush(self) -> None:
        """Write what is ready."""
        ready, self.ready = self.ready, []
        followed, self.followed = self.followed, {}
        self.archive.follow(followed)
        known = [one.row["file"] for one in ready if one.row["file"] in self.known]
        self.archive.write([one.row for one in ready], [window for one in ready for window in one.windows], known=known)
        self.written = time.monotonic()

    def _tell(self, done: int) -> None:
        if self.progress is not None:
            self.progress(done, len(self.found.files), self.summary.seconds)


def _digest(path: str, worker: Worker) -> str:
    """BLAKE2b of a file's bytes, 128 bits."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while (block := file.read(1 << 20)) and not worker.stopped:
            digest.update(block)
    return digest.hexdigest()
