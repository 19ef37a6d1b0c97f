"""Teaching: versions, answers that change, proposals, precision, and what a kill leaves behind."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tone_model import RATE, silence, tone

import auricle
from auricle.core.errors import ArchiveError, InputError
from auricle.listen.listener import Listener

pytest.importorskip("lancedb")

from auricle.archive import labels, sources
from auricle.archive.indexing import index
from auricle.archive.labels import Example
from auricle.archive.search import Query, Searcher
from auricle.archive.store import Archive
from auricle.archive.teaching import Teacher, parse_example, parse_examples


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    for number in range(24):
        level = float(rng.uniform(0.2, 1))
        soundfile.write(folder / f"low{number}.wav", level * tone("low tone", 4), RATE)
        soundfile.write(folder / f"high{number}.wav", level * tone("high tone", 4), RATE)
        soundfile.write(folder / f"middle{number}.wav", level * tone("middle tone", 4) + 0.1 * tone("low tone", 4), RATE)
    soundfile.write(folder / "silence.wav", silence(4), RATE)
    return folder


@pytest.fixture
def archive(sounds: Path, listener: Listener, tmp_path: Path) -> Archive:
    made = Archive.create(tmp_path / "archive", listener, window=4.0, hop=4.0)
    index(made, listener, sources.find_recordings([str(sounds)]))
    return made


def some(sounds: Path, kind: str, *numbers: int) -> list[Example]:
    return [parse_example(str(sounds / f"{kind}{number}.wav")) for number in numbers]


def test_a_taught_sound_is_found(archive: Archive, listener: Listener, sounds: Path) -> None:
    taught = Teacher(archive, listener).teach("our  servo", some(sounds, "low", 0, 1, 2), some(sounds, "middle", 0))
    assert taught.to_dict() == {"name": "our servo", "version": 1, "yes": 3, "no": 1}
    hits = Searcher(archive, listener).search(Query(taught="our servo"), k=24)
    assert all(Path(hit.file).name.startswith("low") for hit in hits)
    filtered = Searcher(archive, listener).search(Query(taught="our servo", where="file like '%low3.wav'"))
    assert [Path(hit.file).name for hit in filtered] == ["low3.wav"]


def test_an_open_searcher_finds_by_the_newest_version(archive: Archive, listener: Listener, sounds: Path) -> None:
    teacher, searcher = Teacher(archive, listener), Searcher(archive, listener)
    for kind in ("low", "high"):
        teacher.teach("beep", some(sounds, kind, 0, 1), some(sounds, {"low": "high", "high": "low"}[kind], 0, 1))
        assert Path(searcher.search(Query(taught="beep"), k=1)[0].file).name.startswith(kind)
        assert Path(searcher.search(Query(taught="beep@1"), k=1)[0].file).name.startswith("low")


def test_versions_stay_and_answers_add_up(archive: Archive, listener: Listener, sounds: Path) -> None:
    teacher = Teacher(archive, listener)
    first = teacher.teach("low", some(sounds, "low", 0))
    second = teacher.teach("low", some(sounds, "low", 1), some(sounds, "high", 0))
    assert (first.version, second.version) == (1, 2) and len(second.labels) == 3
    assert labels.load_taught(archive, "low").version == 2
    np.testing.assert_array_equal(labels.load_taught(archive, "low@1").head.weights, first.head.weights)
    again = teacher.teach("low", some(sounds, "low", 1))
    assert again.version == 2  # nothing new was said
    turned = teacher.teach("low", no=some(sounds, "low", 1))
    assert turned.to_dict() == {"name": "low", "version": 3, "yes": 1, "no": 2}


def test_a_stored_window_is_not_heard_again(archive: Archive, listener: Listener, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = Teacher(archive, listener)
    teacher.teach("low", [Example(str(sounds / "low0.wav"), 0.0, 4.0)])
    monkeypatch.setattr(Listener, "open", None)
    monkeypatch.setattr(Listener, "embed_audio", None)
    assert teacher.teach("low", [Example(str(sounds / "low1.wav"), 0.0, 4.0)]).version == 2


def test_seconds_of_a_recording_are_heard_as_such(archive: Archive, listener: Listener, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "new.wav", np.concatenate([tone("high tone", 3), tone("low tone", 3)]), RATE)
    taught = Teacher(archive, listener).teach("low", [parse_example(f"{tmp_path / 'new.wav'}@3-6")])
    expected = listener.embed_audio(auricle.Clip(tone("low tone", 3), RATE), space="similarity")[0]
    assert taught.labels[0].vector @ expected > 0.999


def test_a_table_of_one_label_teaches_by_each_of_its_rows(archive: Archive, listener: Listener, sounds: Path, tmp_path: Path) -> None:
    """A name is the same sound however its letters are composed."""
    (tmp_path / "t.txt").write_text(
        "Selection\tBegin Time (s)\tEnd Time (s)\tBegin Path\tAnnotation\n"
        + "".join(f"{number}\t0,0\t2,0\t{sounds / f'low{number}.wav'}\tbass\n" for number in (0, 1))
    )
    examples = parse_examples(str(tmp_path / "t.txt"))
    assert examples == [parse_example(f"{sounds / f'low{number}.wav'}@0-2") for number in (0, 1)]
    teacher = Teacher(archive, listener)
    teacher.teach("Ba\u00df\u00e4", examples)
    taught = teacher.teach(unicodedata.normalize("NFD", "Ba\u00df\u00e4"), [], [parse_example(str(sounds / "high0.wav"))])
    assert taught.version == 2 and [label.yes for label in taught.labels].count(True) == 2
    (tmp_path / "t.csv").write_text("file,label\na.wav,bass\nb.wav,rain\n")
    with pytest.raises(InputError, match="has 'bass' and 'rain'; wanted a table of one label"):
        parse_examples(str(tmp_path / "t.csv"))


def test_proposals_are_new_to_people_and_say_why(archive: Archive, listener: Listener, sounds: Path) -> None:
    teacher = Teacher(archive, listener)
    answered = some(sounds, "low", 0, 1, 2)
    teacher.teach("low", answered)
    proposals = teacher.propose("low", 10)
    assert len(proposals) == 10 and proposals == teacher.propose("low", 10)
    assert {proposal.why for proposal in proposals[:5]} == {"check"} and {proposal.why for proposal in proposals[5:]} <= {"unsure", "best"}
    assert not {proposal.file for proposal in proposals} & {example.file for example in answered}
    assert len({proposal.file for proposal in proposals}) == 10
    assert all(proposal.score >= 0.5 for proposal in proposals if proposal.why == "check")


def test_precision_is_that_of_finds_drawn_at_random(archive: Archive, listener: Listener, sounds: Path) -> None:
    teacher = Teacher(archive, listener)
    teacher.teach("low", some(sounds, "low", 0, 1, 2))
    checks = [proposal for proposal in teacher.propose("low", 16) if proposal.why == "check"]
    examples = [Example(proposal.file, proposal.onset, proposal.offset) for proposal in checks]
    told = teacher.teach("low", examples[1:], examples[:1]).precision
    assert told is not None and (told.n, told.version) == (8, 1) and told.value == pytest.approx(7 / 8)
    assert told.low < 7 / 8 < told.high
    assert labels.load_taught(archive, "low").precision == told


def test_answers_with_a_gap_tell_no_precision(archive: Archive, listener: Listener, sounds: Path) -> None:
    """Whoever answers only what is easy would make any sound look precise."""
    teacher = Teacher(archive, listener)
    teacher.teach("low", some(sounds, "low", 0, 1, 2))
    checks = [proposal for proposal in teacher.propose("low", 16) if proposal.why == "check"]
    examples = [Example(proposal.file, proposal.onset, proposal.offset) for proposal in checks]
    assert teacher.teach("low", examples[1:]).precision is None


@pytest.mark.parametrize(
    ("yes", "no", "match"),
    [
        (("low0.wav",), ("low0.wav",), "as yes and as no"),
        ((), ("low0.wav",), "at least one --yes"),
        (("silence.wav",), (), "is silent"),
        (("missing.wav",), (), "no such file"),
    ],
)
def test_what_cannot_be_taught_is_refused(
    yes: tuple[str, ...], no: tuple[str, ...], match: str, archive: Archive, listener: Listener, sounds: Path
) -> None:
    with pytest.raises(auricle.core.errors.AuricleError, match=match):
        Teacher(archive, listener).teach("x", [Example(str(sounds / n)) for n in yes], [Example(str(sounds / n)) for n in no])
    assert Teacher(archive, listener).taught_classes() == []


@pytest.mark.parametrize("name", ["", " ", "a@2", "x" * 81, "two\x00lines"])
def test_names_that_are_none(name: str, archive: Archive, listener: Listener, sounds: Path) -> None:
    with pytest.raises(InputError, match="is not a valid class name"):
        Teacher(archive, listener).teach(name, some(sounds, "low", 0))


def test_an_unknown_sound_says_what_is_known(archive: Archive, listener: Listener, sounds: Path) -> None:
    Teacher(archive, listener).teach("low", some(sounds, "low", 0))
    for name in ("lower", "low@7", "o'hara"):
        with pytest.raises(InputError, match="known: low; teach it"):
            Searcher(archive, listener).search(Query(taught=name))


def test_two_teachers_do_not_write_at_once(archive: Archive, listener: Listener, sounds: Path) -> None:
    with archive.teaching(), pytest.raises(ArchiveError, match="another auricle process is writing"):
        Teacher(archive, listener).teach("low", some(sounds, "low", 0))
    with archive.writing():  # indexing goes on meanwhile
        assert Teacher(archive, listener).teach("low", some(sounds, "low", 0)).version == 1


def test_a_large_archive_teaches_by_its_index(archive: Archive, listener: Listener, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Searcher(archive, listener)
    Teacher(archive, listener).teach("low", some(sounds, "low", 0, 1), some(sounds, "high", 0))
    expected = [dataclasses.astuple(hit)[:3] for hit in whole.search(Query(taught="low"), k=20)]
    monkeypatch.setattr("auricle.archive.store.EXACT_LIMIT", 10)
    for keep in (False, True):
        near = Searcher(archive, listener, cache_large=keep).search(Query(taught="low"), k=20)
        assert sorted(dataclasses.astuple(hit)[:3] for hit in near) == sorted(expected)


KILLED = """
import sys, auricle
from pathlib import Path
from auricle.archive.store import Archive
from auricle.archive.teaching import Teacher, parse_example
archive, listener = Archive.open(Path(sys.argv[2])), auricle.load(sys.argv[1])
teacher = Teacher(archive, listener)
print("ready", flush=True)
for number in range(10):
    teacher.teach("low", [parse_example(sys.argv[3] + f"/low{number}.wav")], [parse_example(sys.argv[3] + f"/high{number}.wav")])
"""


@pytest.fixture(scope="module")
def undisturbed(listener: Listener, sounds: Path, tone_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the same lessons leave in an archive when no process is killed."""
    fresh = Archive.create(tmp_path_factory.mktemp("fresh") / "archive", listener, window=4.0, hop=4.0)
    index(fresh, listener, sources.find_recordings([str(sounds)]))
    subprocess.run([sys.executable, "-c", KILLED, str(tone_folder), str(fresh.folder), str(sounds)], check=True, capture_output=True)
    return taught_rows(fresh)


def taught_rows(archive: Archive) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = archive.table("taught").to_arrow().sort_by("version").to_pylist()
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.02, 0.3, 0.9])
def test_a_kill_loses_at_most_the_call_in_flight(
    delay: float, archive: Archive, sounds: Path, tone_folder: Path, undisturbed: list[dict[str, Any]]
) -> None:
    words = [sys.executable, "-c", KILLED, str(tone_folder), str(archive.folder), str(sounds)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run(words, check=True, capture_output=True)
    found = taught_rows(archive)
    assert [row["version"] for row in found] == list(range(1, 11))
    assert found == undisturbed
