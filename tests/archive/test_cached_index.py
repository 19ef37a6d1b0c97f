"""Cached indexes: what an open searcher that keeps a large archive in memory finds while the archive changes under it."""

from __future__ import annotations

import datetime
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import soundfile
from tone_model import RATE, tone

import auricle
from auricle.listen.listener import Listener

pytest.importorskip("lancedb")

from auricle.archive import search as searching
from auricle.archive import sources, store
from auricle.archive.cached_index import CachedIndex
from auricle.archive.indexing import index
from auricle.archive.search import Query, Searcher
from auricle.archive.store import Archive


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    soundfile.write(folder / "low.wav", tone("low tone", 8), RATE)
    soundfile.write(folder / "high.wav", tone("high tone", 8), RATE)
    return folder


@pytest.fixture
def archive(sounds: Path, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An archive that counts as large, with indexes."""
    monkeypatch.setattr(store, "EXACT_LIMIT", 0)
    made = Archive.create(tmp_path / "archive", listener, window=4.0, hop=4.0)
    index(made, listener, sources.find_recordings([str(sounds)]))
    return made


def add(archive: Archive, listener: Listener, path: Path) -> None:
    """Another process's work: the archive is opened anew."""
    soundfile.write(path, tone("low tone", 4), RATE)
    index(Archive.open(archive.folder), listener, sources.find_recordings([str(path)]))


def found(searcher: Searcher, words: str = "low tone") -> set[str]:
    return {Path(hit.file).name for hit in searcher.search(Query(words), k=9) if hit.score > 0.5}


def test_new_windows_are_found_a_moment_later(archive: Archive, listener: Listener, sounds: Path) -> None:
    searcher = Searcher(archive, listener, cache_large=True)
    assert found(searcher) == {"low.wav"}
    add(archive, listener, sounds / "new.wav")
    time.sleep(searching._REFRESH_SECONDS)
    assert found(searcher) == {"low.wav", "new.wav"}
    (sounds / "new.wav").unlink()
    Archive.open(archive.folder).remove_missing(sounds)
    time.sleep(searching._REFRESH_SECONDS)
    assert found(searcher) == {"low.wav"}


def test_within_a_moment_nothing_is_looked_for(archive: Archive, listener: Listener, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_REFRESH_SECONDS", 3600)
    searcher = Searcher(archive, listener, cache_large=True)
    assert found(searcher) == {"low.wav"}
    add(archive, listener, sounds / "new.wav")
    monkeypatch.setattr(Archive, "table", None)
    assert found(searcher) == {"low.wav"} and searcher.nearest(listener.embed_text(["low tone"])[0], 1, space="words")


def test_a_version_that_a_writer_dropped_is_left_for_the_newest(
    archive: Archive, listener: Listener, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "_REFRESH_SECONDS", 0)
    searcher, tried = Searcher(archive, listener, cache_large=True), [0]

    def dropped(of: Archive, **settings: Any) -> CachedIndex:
        tried[0] += 1
        if tried[0] in (1, 3):
            raise RuntimeError("lance error: Not found")
        return CachedIndex(of, **settings)

    monkeypatch.setattr(searching, "CachedIndex", dropped)
    assert found(searcher) == {"low.wav"} and searcher._cached_index is None
    assert found(searcher) == {"low.wav"} and searcher._cached_index is not None
    add(archive, listener, sounds / "new.wav")
    assert found(searcher) == {"low.wav"} and found(searcher) == {"low.wav", "new.wav"}


def test_while_one_thread_takes_in_a_version_others_answer_from_the_last(
    archive: Archive, listener: Listener, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "_REFRESH_SECONDS", 0)
    searcher = Searcher(archive, listener, cache_large=True)
    assert found(searcher) == {"low.wav"}
    add(archive, listener, sounds / "new.wav")
    reading, go = threading.Event(), threading.Event()

    def slow(of: Archive, **settings: Any) -> CachedIndex:
        reading.set()
        assert go.wait(60)
        return CachedIndex(of, **settings)

    monkeypatch.setattr(searching, "CachedIndex", slow)
    answers: list[set[str]] = []
    first = threading.Thread(target=lambda: answers.append(found(searcher)))
    first.start()
    assert reading.wait(60)
    assert found(searcher) == {"low.wav"}
    go.set()
    first.join()
    assert answers == [{"low.wav", "new.wav"}] and found(searcher) == {"low.wav", "new.wav"}


def test_threads_that_begin_together_read_one_index(archive: Archive, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[CachedIndex] = []
    monkeypatch.setattr(searching, "CachedIndex", lambda of, **settings: made.append(CachedIndex(of, **settings)) or made[-1])
    searcher = Searcher(archive, listener, cache_large=True)
    threads = [threading.Thread(target=found, args=[searcher]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and found(searcher) == {"low.wav"}


def test_what_joined_tables_leave_is_dropped(sounds: Path, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making the first index takes longer than readers are waited for: after it, the table is on disk once."""
    archive = Archive.create(tmp_path / "archive", listener, window=4.0, hop=4.0)
    add(archive, listener, sounds / "one.wav")
    table = archive.table("windows")
    create = type(table).create_index

    def slow(table: Any, column: str, **settings: Any) -> None:
        time.sleep(1)
        create(table, column, **settings)

    monkeypatch.setattr(type(table), "create_index", slow)
    monkeypatch.setattr(store, "_RETENTION", datetime.timedelta(seconds=2))
    monkeypatch.setattr(store, "EXACT_LIMIT", 1)
    add(archive, listener, sounds / "two.wav")
    assert len(list((archive.folder / "tables" / "windows.lance" / "data").iterdir())) == 1
    assert found(Searcher(archive, listener, cache_large=True)) == {"one.wav", "two.wav"}
