"""Indexing: what is stored, what is heard again and what is not, and what a kill leaves behind."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tone_model import RATE, silence, tone

import auricle
from auricle.core.errors import ArchiveError, InputError
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Pipeline

pytest.importorskip("lancedb")

import pyarrow.parquet

from auricle.archive import sources
from auricle.archive.indexing import Summary, index
from auricle.archive.recordings import Recordings, encode_wav
from auricle.archive.search import Query, Searcher
from auricle.archive.store import Archive
from auricle.archive.teaching import Teacher, parse_example
from auricle.present import hits_page
from auricle.present.hits_export import export


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Five recordings, one of them bad, one silent half of the time, one in a folder below."""
    folder = tmp_path / "sounds"
    (folder / "field").mkdir(parents=True)
    soundfile.write(folder / "low.wav", tone("low tone", 12), RATE)
    soundfile.write(folder / "high.wav", tone("high tone", 3), RATE)
    soundfile.write(folder / "field" / "half.wav", np.concatenate([silence(10), tone("middle tone", 10)]), RATE)
    soundfile.write(folder / "quiet.flac", silence(4), RATE)
    (folder / "bad.wav").write_text("this is no sound")
    (folder / "readme.txt").write_text("nor is this")
    return folder


def run(archive: Archive, listener: Listener, *places: Path | str) -> Summary:
    return index(archive, listener, sources.find_recordings(map(str, places)))


@pytest.mark.parametrize("there", [False, True])
def test_an_archive_is_made_once_by_several_at_the_same_time(there: bool, tmp_path: Path, listener: Listener) -> None:
    folder = tmp_path / "archive"
    if there:
        folder.mkdir()

    def create(_: int) -> str:
        try:
            Archive.create(folder, listener)
        except ArchiveError as error:
            return str(error)
        return "made"

    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(create, range(8)))
    assert ends.count("made") == 1
    assert all("another" in end or "is an existing archive" in end for end in ends if end != "made"), ends
    assert Archive.open(folder).files() == {}


def test_a_named_pipe_is_refused_at_once(tmp_path: Path, listener: Listener, sounds: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    archive = Archive.create(tmp_path / "archive", listener)
    summary = run(archive, listener, tmp_path / "pipe.wav", sounds / "low.wav")
    assert summary.failed == 1 and summary.new == 2
    errors = [str(row["error"]) for row in archive.table("files").search().to_list() if row["error"]]
    assert len(errors) == 1 and "is not a regular file" in errors[0]


def rows(archive: Archive) -> list[dict[str, Any]]:
    found = archive.table("windows").search().limit(None).to_arrow().to_pylist()
    return sorted(found, key=lambda row: (row["file"], row["onset"]))


def test_every_window_that_sounds_is_stored_once(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    archive = Archive.create(tmp_path / "archive", listener, window=4.0, hop=3.0)
    summary = run(archive, listener, sounds)
    assert (summary.new, summary.failed, summary.unchanged) == (5, 1, 0)
    assert summary.seconds == pytest.approx(39.0)
    files = archive.files()
    assert {Path(name).name for name in files} == {"low.wav", "high.wav", "half.wav", "quiet.flac", "bad.wav"}
    low = [row for row in rows(archive) if row["file"].endswith("low.wav")]
    assert [(row["onset"], row["offset"]) for row in low] == [(0, 4), (3, 7), (6, 10), (9, 12)]
    assert low[0]["tags"] == "low tone" and low[0]["scores"][0]["label"] == "low tone" and low[0]["scores"][0]["score"] > 0.9
    assert (low[0]["duration"], low[0]["rate"], low[0]["channels"]) == (12.0, RATE, 1)
    half = files[str(sounds / "field" / "half.wav")]
    assert (half["windows"], half["silent"]) == (4, 3) and half["coverage"] == 1.0
    bad = files[str(sounds / "bad.wav")]
    assert bad["windows"] == 0 and "bad.wav" in bad["error"]
    assert archive.facts() | {"bytes": 0} == {"files": 4, "windows": len(rows(archive)), "failed": 1, "model": "tones", "bytes": 0}


def test_vectors_are_those_of_the_listener(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds / "high.wav")
    (row,) = rows(archive)
    np.testing.assert_allclose(row["vector"], listener.embed_audio(sounds / "high.wav")[0], atol=1e-6)
    np.testing.assert_allclose(row["likeness"], listener.embed_audio(sounds / "high.wav", space="similarity")[0], atol=1e-6)


def test_a_second_run_hears_nothing(sounds: Path, tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds)
    before = rows(archive)
    monkeypatch.setattr(Listener, "open", None)
    summary = run(Archive.open(tmp_path / "archive"), listener, sounds)
    assert summary == Summary(unchanged=5) and rows(archive) == before


def test_changed_moved_touched_and_deleted_files_are_followed(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds)
    soundfile.write(sounds / "low.wav", tone("middle tone", 5), RATE)  # changed
    (sounds / "high.wav").rename(sounds / "field" / "renamed's.wav")  # moved
    (sounds / "quiet.flac").unlink()  # missing
    os.utime(sounds / "field" / "half.wav")  # touched
    heard: list[str] = []
    stream = listener.pipeline.stream
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listener.pipeline, "stream", lambda name, **settings: heard.append(Path(name).name) or stream(name, **settings))
        summary = run(archive, listener, sounds)
    assert heard == ["low.wav"]
    assert (summary.changed, summary.moved, summary.missing, summary.new) == (1, 1, 1, 0)
    assert archive.remove_missing(sounds) == [str(sounds / "quiet.flac")]
    fresh = Archive.create(tmp_path / "fresh", listener)
    run(fresh, listener, sounds)
    assert rows(archive) == rows(fresh)
    assert archive.files() == fresh.files()


def test_files_that_are_not_there_stay_until_they_are_removed(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds)
    before = rows(archive), archive.files()
    sounds.rename(tmp_path / "away")  # a drive that is not connected: an empty folder
    sounds.mkdir()
    assert run(archive, listener, sounds) == Summary(missing=5)
    assert (rows(archive), archive.files()) == before and len(archive.missing()) == 5
    searcher = Searcher(archive, listener)
    dead = searcher.search(Query("low tone"), k=9)
    assert dead and all(hit.missing and json.loads(hit.to_json())["missing"] is True for hit in dead)
    sounds.rmdir()
    (tmp_path / "away").rename(sounds)  # connected again
    assert run(archive, listener, sounds) == Summary(unchanged=5) and (rows(archive), archive.files()) == before
    live = searcher.search(Query("low tone"), k=9)
    assert [dataclasses.replace(hit, missing=False) for hit in dead] == live and "missing" not in json.loads(live[0].to_json())
    shutil.rmtree(sounds / "field")
    (sounds / "low.wav").unlink()
    assert run(archive, listener, sounds).missing == 2
    assert archive.remove_missing(sounds / "fie") == [] and archive.remove_missing(tmp_path / "elsewhere") == []
    assert archive.remove_missing(sounds / "field") == [str(sounds / "field" / "half.wav")]  # the folder is not there either
    assert archive.missing() == [str(sounds / "low.wav")] and not archive.missing(sounds / "field")
    assert "half.wav" not in {Path(row["file"]).name for row in rows(archive)}
    assert archive.remove_missing(Path("/")) == [str(sounds / "low.wav")] and len(archive.files()) == 3


def test_a_moved_folder_is_recognised_from_anywhere(
    sounds: Path, tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Analysis no second time, no hit twice, its notes and taught examples with it, its errors by its new name."""
    (sounds / "list.csv").write_text("file,place\nlow.wav,harbour\n")
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds, sounds / "list.csv")
    teacher = Teacher(archive, listener)
    teacher.teach("beep", [parse_example(f"{sounds}/high.wav@0-3")], [parse_example(f"{sounds}/low.wav@0-10")])
    hits = Searcher(archive, listener).search(Query("low tone"), k=9)
    sounds.rename(tmp_path / "it's moved")
    with monkeypatch.context() as patch:
        patch.setattr(Pipeline, "stream", hears_nothing)
        assert run(archive, listener, tmp_path / "it's moved") == Summary(moved=5)
    names = {str(path) for path in (tmp_path / "it's moved").rglob("*") if path.suffix in (".wav", ".flac")}
    assert archive.files().keys() == names and not archive.missing()
    assert notes_of(archive)["low.wav"] == '{"place": "harbour"}'
    moved = Searcher(archive, listener).search(Query("low tone"), k=9)
    assert [(hit.score, Path(hit.file).name) for hit in moved] == [(hit.score, Path(hit.file).name) for hit in hits]
    (taught,) = teacher.taught_classes()
    assert {label.example.file for label in taught.labels} <= names and taught.version == 1
    assert archive.files()[str(tmp_path / "it's moved" / "bad.wav")]["error"].startswith(f"{tmp_path}/it's moved/bad.wav: ")
    assert teacher.teach("beep", [parse_example(f"{tmp_path}/it's moved/high.wav@0-3")]).version == 1  # said already


def test_a_file_that_moved_over_another_takes_its_place(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds)
    os.replace(sounds / "high.wav", sounds / "low.wav")
    summary = run(archive, listener, sounds)
    assert (summary.moved, summary.changed, summary.missing) == (1, 0, 0) and len(archive.files()) == 4
    assert {row["tags"] for row in rows(archive) if row["file"].endswith("low.wav")} == {"high tone"}


def test_a_dead_writer_loses_no_notes_of_a_file_that_moved(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    (sounds / "list.csv").write_text("file,place\nlow.wav,harbour\n")
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds / "list.csv")
    (sounds / "low.wav").rename(sounds / "lower.wav")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        rewrite = Archive._update_columns

        def dies(self: Archive, name: str, changed: Any) -> None:
            if name == "windows":
                raise KeyboardInterrupt
            rewrite(self, name, changed)

        patch.setattr(Archive, "_update_columns", dies)
        run(archive, listener, sounds / "lower.wav")
    run(Archive.open(archive.folder), listener, sounds)
    assert notes_of(archive)["lower.wav"] == '{"place": "harbour"}' and not archive.missing()
    assert {row["tags"] for row in rows(archive) if row["file"].endswith("lower.wav")} == {"low tone"}


def test_what_cannot_be_read_for_a_while_loses_nothing(
    sounds: Path, tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds)
    before = rows(archive)
    os.utime(sounds / "low.wav")

    def refused(path: str, _: object) -> str:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patch:
        patch.setattr("auricle.archive.indexing._digest", refused)
        summary = run(archive, listener, sounds)
    assert (summary.failed, summary.unchanged, summary.changed) == (1, 4, 0) and rows(archive) == before
    (error,) = summary.errors
    assert error.startswith(f"{sounds}/low.wav: cannot be read (Permission denied)") and error.endswith(
        "its earlier windows stay in the archive"
    )
    assert run(archive, listener, sounds) == Summary(unchanged=5)


def test_a_folder_that_cannot_be_read_is_told_and_loses_nothing(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds)
    whole = sources.find_recordings([str(sounds)])
    found = sources.FileList({name: None for name in whole.files if "/field/" not in name}, whole.roots, (f"{sounds}/field",))
    summary = index(archive, listener, found)
    assert summary == Summary(unchanged=4, errors=[f"{sounds}/field: this folder cannot be read; change its permissions"])
    assert len(archive.files()) == 5


def test_moved_files_that_cannot_be_heard_are_told_by_their_new_names(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds)
    (sounds / "bad.wav").rename(sounds / "worse.wav")
    shutil.copy(sounds / "worse.wav", sounds / "worst.wav")
    summary = run(archive, listener, sounds)
    assert (summary.moved, summary.failed) == (1, 1)
    errors = {Path(name).name: row["error"] for name, row in archive.files().items() if row["error"]}
    assert errors.keys() == {"worse.wav", "worst.wav"} and all(name in error for name, error in errors.items())


def test_files_elsewhere_are_left_alone(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(sounds / "low.wav", other / "copy.wav")
    summary = run(archive, listener, other)
    assert (summary.new, summary.moved, summary.missing) == (1, 0, 0)
    assert len(archive.files()) == 6  # the same content under two names is two files
    (sounds / "low.wav").unlink()
    assert run(archive, listener, str(sounds / "*.wav")).missing == 0  # a pattern says nothing about what it does not match


def test_tables_of_files_bring_notes(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    (sounds / "list.csv").write_text("file,place,year\nlow.wav,harbour,2024\nfield/half.wav,,2023\n")
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds / "list.csv")
    notes = {Path(name).name: row["notes"] for name, row in archive.files().items()}
    assert notes == {"low.wav": '{"place": "harbour", "year": "2024"}', "half.wav": '{"year": "2023"}'}
    (sounds / "wrong.csv").write_text("name\nlow.wav\n")
    with pytest.raises(InputError, match="line 2: has no file name"):
        sources.find_recordings([str(sounds / "wrong.csv")])
    with pytest.raises(InputError, match="does not exist"):
        sources.find_recordings([str(sounds / "absent")])


def hears_nothing(*_: object, **__: object) -> None:
    raise AssertionError("heard again")


def notes_of(archive: Archive) -> dict[str, str]:
    """Notes by name, the same in the files' rows and in their windows'."""
    notes = {Path(name).name: row["notes"] for name, row in archive.files().items()}
    assert {(Path(row["file"]).name, row["notes"]) for row in rows(archive)} <= notes.items()
    return notes


def test_notes_stay_until_other_notes_are_given(sounds: Path, tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder says nothing about notes, nor does a table without other columns; none of them makes a file be heard again."""
    table = tmp_path / "list.csv"
    table.write_text(f"file,place\n{sounds}/low.wav,harbour\n{sounds}/high.wav,\n{sounds}/field/half.wav,it's here\n")
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, table)
    run(archive, listener, sounds)
    noted = {"low.wav": '{"place": "harbour"}', "half.wav": '{"place": "it\'s here"}'}
    silent = dict.fromkeys(("high.wav", "quiet.flac", "bad.wav"), "")
    before = rows(archive)
    monkeypatch.setattr(Pipeline, "stream", hears_nothing)
    (tmp_path / "names.csv").write_text(f"file\n{sounds}/low.wav\n")
    for places in ([sounds], [tmp_path / "names.csv"], [sounds / "low.wav"], [str(sounds / "*.wav")], [table, sounds], [sounds, table]):
        assert run(archive, listener, *places).changed == 0
        assert notes_of(archive) == noted | silent and rows(archive) == before
    os.utime(sounds / "low.wav")
    assert run(archive, listener, sounds) == Summary(unchanged=5) and notes_of(archive) == noted | silent
    table.write_text(f"file,place\n{sounds}/low.wav,\n{sounds}/high.wav,pier\n")  # said: none any more, and others
    assert run(archive, listener, table) == Summary(unchanged=2)
    assert notes_of(archive) == silent | {"low.wav": "", "high.wav": '{"place": "pier"}', "half.wav": noted["half.wav"]}


def test_notes_outlive_changes_moves_and_dead_writers(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    (sounds / "list.csv").write_text("file,place\nlow.wav,harbour\nhigh.wav,pier\nfield/half.wav,hall\n")
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds / "list.csv")
    soundfile.write(sounds / "low.wav", tone("middle tone", 5), RATE)
    (sounds / "high.wav").rename(sounds / "higher.wav")
    archive.table("windows").delete("notes like '%hall%'")  # what a writer leaves that dies before the windows are there
    run(archive, listener, sounds)
    notes = notes_of(archive)
    assert (notes["low.wav"], notes["higher.wav"], notes["half.wav"]) == ('{"place": "harbour"}', '{"place": "pier"}', '{"place": "hall"}')
    low = [row for row in rows(archive) if row["file"].endswith("low.wav")]
    assert low[0]["tags"] == "middle tone" and low[-1]["offset"] <= 5.0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names in Unicode")
def test_names_that_are_not_utf8(sounds: Path, tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Analysis once, found, exported, taught, cut and followed, by a name with its bytes escaped."""
    folder = Path(os.fsdecode(os.fsencode(sounds) + b"/caf\xe9"))
    folder.mkdir()
    (sounds / "high.wav").rename(folder / os.fsdecode(b"lat\xe9in.wav"))
    shutil.copy(sounds / "bad.wav", folder / os.fsdecode(b"\xff.wav"))
    name = rf"{sounds}/caf\xe9/lat\xe9in.wav"
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds)
    found = archive.files()
    assert found[name]["windows"] == 1 and r"\xff.wav: is not a recognised audio file" in found[rf"{sounds}/caf\xe9/\xff.wav"]["error"]
    (hit,) = Searcher(archive, listener).search(Query(like=f"{name}@0-3", where="file like '%caf%'"), k=1) or [None]
    assert hit is None  # the example itself
    (hit,) = Searcher(archive, listener).search(Query("high tone"), k=1)
    assert hit.file == name == json.loads(hit.to_json())["file"]
    for to in ("hits.csv", "hits.parquet", "hits.raven.txt"):
        export([hit], tmp_path / to, what="x", rates=archive.rates([hit.file]))
    assert name in (tmp_path / "hits.csv").read_text() and name in (tmp_path / "hits.raven.txt").read_text()
    assert pyarrow.parquet.read_table(tmp_path / "hits.parquet")["file"].to_pylist() == [name]
    assert export([hit], tmp_path / "cuts", what="x", rates={}).files
    hits_page.write(tmp_path / "hits.html", [hit], text=None, listener=listener)
    taught = Teacher(archive, listener).teach("beep", [parse_example(f"{name}@0-2")])
    assert taught.labels[0].example.file == name
    recording = Recordings(archive).by_path(name)
    assert recording is not None and recording.fault() is None and encode_wav(recording.path, 0, 1)[:4] == b"RIFF"
    (tmp_path / "names.csv").write_text(f"file,place\n{name},bar\n")  # as the export writes it
    monkeypatch.setattr(Pipeline, "stream", hears_nothing)
    assert run(archive, listener, tmp_path / "names.csv") == Summary(unchanged=1)
    folder.rename(folder.with_name(os.fsdecode(b"moved\xe9")))
    assert run(archive, listener, sounds).moved == 2
    assert archive.files()[rf"{sounds}/moved\xe9/lat\xe9in.wav"]["notes"] == '{"place": "bar"}'


def test_an_archive_cannot_lie_in_a_folder_that_is_not_utf8(tmp_path: Path, listener: Listener) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9"))
    with pytest.raises(ArchiveError, match=r"\\xe9: the folder.s name is not UTF-8"):
        Archive.create(folder, listener)
    assert not folder.exists()


def test_another_model_is_refused(sounds: Path, tmp_path: Path, listener: Listener, tone_folder: Path) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    other = tmp_path / "other-model"
    shutil.copytree(tone_folder, other)
    (other / "config.json").write_text((other / "config.json").read_text().replace('"text": 0.5', '"text": 0.6'))
    with pytest.raises(ArchiveError, match="index into another folder"):
        run(archive, auricle.load(other), sounds)


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path, listener: Listener) -> None:
    with pytest.raises(ArchiveError, match="is not an archive; name one with --archive, or make it with"):
        Archive.open(tmp_path)
    with pytest.raises(ArchiveError, match="wanted 0 < hop <= window"):
        Archive.create(tmp_path / "a", listener, window=2.0, hop=3.0)
    Archive.create(tmp_path / "b", listener)
    with pytest.raises(ArchiveError, match="is an existing archive"):
        Archive.create(tmp_path / "b", listener)
    header = tmp_path / "b" / "archive.json"
    header.write_text(header.read_text().replace('"format": 2', '"format": 99'))
    with pytest.raises(ArchiveError, match="has format 99"):
        Archive.open(tmp_path / "b")
    header.write_text("{")
    with pytest.raises(ArchiveError, match="cannot be read"):
        Archive.open(tmp_path / "b")


def test_two_writers_never_meet(tmp_path: Path, listener: Listener) -> None:
    archive = Archive.create(tmp_path / "archive", listener)
    with (
        archive.writing(),
        pytest.raises(ArchiveError, match="another auricle process is writing"),
        Archive.open(tmp_path / "archive").writing(),
    ):
        pass


def test_half_written_files_are_taken_out(sounds: Path, tmp_path: Path, listener: Listener) -> None:
    """Whatever a dead writer left of a file, the next run makes whole."""
    archive = Archive.create(tmp_path / "archive", listener)
    run(archive, listener, sounds)
    whole = rows(archive)
    low, half = str(sounds / "low.wav"), str(sounds / "field" / "half.wav")
    archive.table("files").delete(f"file = '{low}'")  # windows without their file
    archive.table("windows").delete(f"file = '{half}'")  # a file without its windows
    archive.write([], [row for row in whole if row["file"].endswith("high.wav")])  # windows twice
    summary = run(Archive.open(tmp_path / "archive"), listener, sounds)
    assert (summary.new, summary.changed) == (1, 2) and rows(archive) == whole


KILLED = """
import sys, auricle
from pathlib import Path
from auricle.archive import indexing, sources
from auricle.archive.store import Archive
indexing._BATCH = 2
print("ready", flush=True)
indexing.index(Archive.open(Path(sys.argv[2])), auricle.load(sys.argv[1]), sources.find_recordings([sys.argv[3]]))
"""


@pytest.mark.parametrize("delay", [0.0, 0.15, 0.4])
def test_a_kill_loses_nothing_that_the_next_run_does_not_bring(delay: float, tmp_path: Path, listener: Listener, tone_folder: Path) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for number in range(30):
        soundfile.write(sounds / f"{number}.wav", tone(("low tone", "high tone")[number % 2], 1 + number), RATE)
    archive = Archive.create(tmp_path / "archive", listener, window=4.0, hop=4.0)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tone_folder), str(archive.folder), str(sounds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run(archive, listener, sounds)
    fresh = Archive.create(tmp_path / "fresh", listener, window=4.0, hop=4.0)
    run(fresh, listener, sounds)
    assert rows(archive) == rows(fresh) and archive.files() == fresh.files()


def test_an_interrupt_keeps_what_is_written_and_says_so(tmp_path: Path, listener: Listener, tone_folder: Path) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for number in range(40):
        soundfile.write(sounds / f"{number}.wav", tone("low tone", 60), RATE)
    words = ["-m", "auricle", "index", str(sounds), "--archive", str(tmp_path / "archive"), "--model", str(tone_folder)]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "archive" / "writer.lock").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert "Traceback" not in told
    assert process.returncode == 0 or (process.returncode == 130 and "the same command resumes" in told)
    archive = Archive.open(tmp_path / "archive")
    run(archive, listener, sounds)
    assert len(archive.files()) == 40 and len(rows(archive)) == 40 * 8
