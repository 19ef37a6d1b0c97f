"""Hits for other programs, and recordings that sound the same."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tone_model import RATE, tone

import auricle
from auricle.core.errors import InputError

pytest.importorskip("lancedb")

from auricle.archive import sources
from auricle.archive.duplicates import find_duplicates
from auricle.archive.indexing import index
from auricle.archive.search import Hit
from auricle.archive.store import Archive
from auricle.listen.listener import Listener
from auricle.listen.vocabulary import split_tags
from auricle.present import hits_page
from auricle.present.hits_export import export


@pytest.fixture
def hits(tmp_path: Path) -> list[Hit]:
    first, second = tmp_path / "first.wav", tmp_path / "second, with comma.flac"
    soundfile.write(first, np.stack([tone("low tone", 10), tone("high tone", 10)], axis=1), RATE)
    soundfile.write(second, tone("low tone", 4, rate=44_100), 44_100)
    return [Hit(str(first), 5.0, 7.5, 0.9, ("dog", "Gunshot, gunfire")), Hit(str(second), 0.0, 1.0, 0.8), Hit(str(first), 1.0, 2.0, 0.7)]


def rates(hits: list[Hit]) -> dict[str, int]:
    return {hit.file: 44_100 if hit.file.endswith(".flac") else RATE for hit in hits}


def test_csv_and_parquet_hold_every_hit(hits: list[Hit], tmp_path: Path) -> None:
    export(hits, tmp_path / "hits.csv", what="rain", rates=rates(hits))
    with (tmp_path / "hits.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], float(row["onset"]), row["tags"]) for row in rows] == [
        (hit.file, hit.onset, tags) for hit, tags in zip(hits, ("dog; Gunshot, gunfire", "", ""), strict=True)
    ]
    export(hits, tmp_path / "hits.parquet", what="rain", rates=rates(hits))
    import pyarrow.parquet

    found = pyarrow.parquet.read_table(tmp_path / "hits.parquet").to_pylist()
    assert [row | {"tags": split_tags(row["tags"], ("Gunshot, gunfire",))} for row in found] == [dataclasses.asdict(hit) for hit in hits]


def test_audacity_gets_a_track_a_recording_by_time(hits: list[Hit], tmp_path: Path) -> None:
    written = export(hits, tmp_path / "labels.txt", what="rain", rates={}).files
    assert [path.name for path in written] == ["labels - first.txt", "labels - second, with comma.txt"]
    assert (tmp_path / "labels - first.txt").read_text() == "1.000000\t2.000000\train\n5.000000\t7.500000\train\n"
    assert export(hits[:1], tmp_path / "one.txt", what="rain", rates={}).files == (tmp_path / "one.txt",)
    assert export([], tmp_path / "none.txt", what="rain", rates={}).files == (tmp_path / "none.txt",)
    assert (tmp_path / "one.txt").read_text().count("rain") == 1 and (tmp_path / "none.txt").read_text() == ""


def test_recordings_of_one_name_have_a_track_each(tmp_path: Path) -> None:
    files = ["/a/take.wav", "/b/Take.flac", "/c/take.wav", "/d/take (2).wav"]
    written = export(
        [Hit(file, 0.0, place, 0.5) for place, file in enumerate(files, start=1)], tmp_path / "l.txt", what="x", rates={}
    ).files
    assert [path.name for path in written] == ["l - take.txt", "l - Take (2).txt", "l - take (3).txt", "l - take (2) (2).txt"]
    assert [path.read_text() for path in written] == [f"0.000000\t{place}.000000\tx\n" for place in (1, 2, 3, 4)]


@pytest.mark.parametrize("stem", ["a" * 251, "é" * 125, "録音" * 41])
def test_long_names_are_cut_at_255_bytes(tmp_path: Path, stem: str) -> None:
    source = tmp_path / f"{stem}.wav"
    soundfile.write(source, tone("low tone", 2), RATE)
    hits = [Hit(str(source), 0.0, 1.0, 0.5), Hit(f"/other/{stem}.wav", 0.0, 1.0, 0.5)]
    names = [path.name for path in export(hits, tmp_path / "labels.txt", what="x", rates={}).files]
    assert len(set(names)) == 2 and all(252 <= len(name.encode()) <= 255 for name in names)
    written = export(hits, tmp_path / "cuts", what="x", rates={})
    assert [len(path.name.encode()) // 4 for path in written.files] == [63] and soundfile.info(written.files[0]).frames == RATE
    assert len(written.errors) == 1 and "/other/" in written.errors[0]  # and the one that is there was cut


def test_tabs_and_line_ends_stay_inside_of_cells(tmp_path: Path) -> None:
    hits = [Hit("/a\tb/c\nd.wav", 1.0, 2.0, 0.5)]
    export(hits, tmp_path / "h.raven.txt", what="a\tb\nc", rates=rates(hits))
    head, row = (line.split("\t") for line in (tmp_path / "h.raven.txt").read_text().splitlines())
    assert len(head) == len(row) == 11 and row[7] == r"/a\tb/c\nd.wav" and row[-1] == "a b c"
    export(hits, tmp_path / "h.txt", what="a\tb\nc", rates={})
    assert (tmp_path / "h.txt").read_text() == "1.000000\t2.000000\ta b c\n"


def test_raven_gets_a_selection_table(hits: list[Hit], tmp_path: Path) -> None:
    export(hits, tmp_path / "hits.raven.txt", what="rain", rates=rates(hits))
    rows = list(csv.DictReader((tmp_path / "hits.raven.txt").open(newline=""), delimiter="\t"))
    assert [(row["Low Freq (Hz)"], row["High Freq (Hz)"]) for row in rows] == [("0", "8000"), ("0", "22050"), ("0", "8000")]
    assert [row["Selection"] for row in rows] == ["1", "2", "3"]
    assert (rows[0]["Begin Time (s)"], rows[0]["End Time (s)"], rows[0]["Begin Path"]) == ("5.000000", "7.500000", hits[0].file)


def test_cuts_keep_rate_and_channels(hits: list[Hit], tmp_path: Path) -> None:
    assert len(export(hits, tmp_path / "cuts", what="rain", rates={}).files) == 3
    first, second, _ = sorted((tmp_path / "cuts").iterdir())
    samples, rate = soundfile.read(first, dtype="float32")
    assert rate == RATE and samples.shape == (40_000, 2)
    np.testing.assert_allclose(samples, soundfile.read(hits[0].file, dtype="float32")[0][80_000:120_000], atol=1e-6)
    assert soundfile.info(second).samplerate == 44_100


def test_an_unknown_ending_is_refused(hits: list[Hit], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wanted a file name with suffix"):
        export(hits, tmp_path / "hits.xlsx", what="rain", rates=rates(hits))


def test_a_file_without_an_ending_is_not_taken_for_a_folder(hits: list[Hit], tmp_path: Path) -> None:
    (tmp_path / "hits").write_text("mine")
    with pytest.raises(InputError, match="wanted a file name with suffix"):
        export(hits, tmp_path / "hits", what="rain", rates=rates(hits))
    assert (tmp_path / "hits").read_text() == "mine"


def test_the_page_plays_every_hit(hits: list[Hit], tmp_path: Path, tone_folder: Path) -> None:
    gone = Hit("/gone.wav", 0.0, 1.0, 0.6)
    (error,) = hits_page.write(tmp_path / "hits.html", [*hits, gone], text="rain", listener=auricle.load(tone_folder))
    assert error.startswith("/gone.wav: ")
    text = (tmp_path / "hits.html").read_text()
    assert text.count("data:audio/") == 3 and "0.90  first.wav, 0:05.0 to 0:07.5" in text and "Hits for rain" in text


def test_recordings_that_sound_the_same_are_grouped(tmp_path: Path, tone_folder: Path) -> None:
    listener: Listener = auricle.load(tone_folder)
    rng = np.random.default_rng(0)
    for number, label in enumerate(("low tone", "high tone")):
        sound = tone(label, 5) + 0.2 * rng.standard_normal(5 * RATE).astype(np.float32) * (number == 1)
        soundfile.write(tmp_path / f"{number}.wav", sound, RATE)
        soundfile.write(tmp_path / f"{number} again.flac", sound, RATE)
    soundfile.write(tmp_path / "longer.wav", tone("low tone", 8), RATE)
    archive = Archive.create(tmp_path / "archive", listener)
    index(archive, listener, sources.find_recordings([str(tmp_path)]))
    assert archive.rates([str(tmp_path / "0.wav"), "/absent"]) == {str(tmp_path / "0.wav"): RATE}
    groups = [[Path(name).name for name in group] for group in find_duplicates(archive)]
    assert ["0 again.flac", "0.wav"] in groups and ["1 again.flac", "1.wav"] in groups
    assert not any("longer.wav" in group for group in groups)
