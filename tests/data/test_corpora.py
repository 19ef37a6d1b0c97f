from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from auricle.core.errors import InputError
from auricle.data import corpora
from auricle.data.class_exclusion import exclude_classes, matches_class
from auricle.data.corpora import kenney, minetest, opensfx, sonicpi
from auricle.data.corpora.clip_table import COLUMNS, Row, fold
from auricle.data.licences import is_open, is_trainable


def lay_out(folder: Path, rows: list[dict[str, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "clips.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS)
        writer.writeheader()
        for row in rows:
            writer.writerow({column: row.get(column, "") for column in COLUMNS})


def row(corpus: str, label: str, *labels: str, name: str = "x", licence: str = "CC0") -> Row:
    return Row(path=Path(name), label=label, labels=labels, corpus=corpus, source="s", licence=licence)


def test_one_table_becomes_rows(tmp_path: Path) -> None:
    full = {
        "filename": "audio/1-9-A-20.ogg",
        "label": "crying_baby",
        "target": "20",
        "fold": "3",
        "source_id": "9",
        "licence": "CC-BY",
        "author": "someone",
        "duration_s": "5.0",
        "sample_rate": "16000",
        "channels": "1",
    }
    lay_out(tmp_path / "esc50_16k", [full, full | {"target": "0", "label": "dog"}])
    first, second = corpora.read(tmp_path)
    assert first.path == tmp_path / "esc50_16k" / "audio" / "1-9-A-20.ogg"
    assert (first.labels, first.target, fold(first), first.duration, first.rate) == (("crying baby",), 20, 3, 5.0, 16000)
    assert second.target == 0


def test_reading_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains no corpus"):
        corpora.read(tmp_path)
    with pytest.raises(InputError, match=r"recipes\.prepare esc50"):
        corpora.read(tmp_path, ["esc50"])
    with pytest.raises(InputError, match="unknown; known: esc50"):
        corpora.read(tmp_path, ["esc51"])
    (tmp_path / "esc50_16k").mkdir()
    (tmp_path / "esc50_16k" / "clips.csv").write_text("filename,label\n")
    with pytest.raises(InputError, match="lacks the columns target"):
        corpora.read(tmp_path)


def test_words_of_made_rows(tmp_path: Path) -> None:
    lay_out(
        tmp_path / sonicpi.FOLDER,
        [
            {"filename": f"audio/{name}.flac", "source_id": name}
            for name in ("elec_hi_snare", "elec_blip", "hat_raw", "loop_3d_printer", "loop_amen_full")
        ],
    )
    assert [found.labels for found in sonicpi.read(tmp_path)] == [
        ("music", "drum"),
        ("electronic sound",),
        ("music", "cymbal"),
        (),
        ("music", "drum"),
    ]
    lay_out(tmp_path / kenney.FOLDER, [{"label": label} for label in ("glass", "switch", "mouseclick")])
    assert [found.labels for found in kenney.read(tmp_path)] == [(), ("interface sound",), ("mouse click",)]
    lay_out(tmp_path / minetest.FOLDER, [{"label": label} for label in ("default_snow_footstep", "fire_large", "tnt_ignite")])
    assert [found.labels for found in minetest.read(tmp_path)] == [("footsteps",), ("crackling fire",), ()]
    lay_out(
        tmp_path / opensfx.FOLDER,
        [{"label": label} for label in ("Crash", "Big crash", "Modern car horn", "Splat (rail builds)")],
    )
    crash, big, horn, splat = opensfx.read(tmp_path)
    assert crash.source == big.source and fold(crash) == fold(big)
    assert fold(horn) == 1 and splat.labels == ()


@pytest.mark.parametrize(
    ("licence", "openly"),
    [
        ("CC0", True),
        ("CC0 1.0", True),
        ("CC-BY", True),
        ("CC BY 3.0", True),
        ("Public Domain", True),
        ("Creative Commons Zero 1.0", True),
        ("Creative Commons Attribution 3.0 Unported", True),
        ("CC-BY 4.0 https://creativecommons.org/licenses/by/4.0/", True),
        ("US Government speech, public domain; repository MIT", True),
        ("CC-BY-NC", False),
        ("CC BY-SA", False),
        ("CC BY-SA 4.0", False),
        ("CC-Sampling+", False),
        ("Creative Commons Attribution-ShareAlike 3.0 Unported", False),
        ("Creative Commons Attribution-NonCommercial 4.0", False),
        ("CC BY-ND 4.0", False),
        ("ODbL 1.0 / DbCL 1.0", False),
        ("see licences/default.license.txt and default.README.md", False),
        ("MIT", False),
        ("", False),
    ],
)
def test_only_open_licences_train(licence: str, openly: bool) -> None:
    assert is_open(licence) == openly
    assert is_trainable(row("esc50", "dog", licence=licence)) == openly


@pytest.mark.parametrize("corpus", ["fsdd", "minetest", "donateacry", "spatial"])
def test_corpora_for_tests_never_train(corpus: str) -> None:
    assert not is_trainable(row(corpus, "dog", licence="CC0"))


def test_folds_are_stable_and_follow_the_source() -> None:
    folds = {fold(Row(Path(), "", (), "kenney", f"s{number}", "CC0")) for number in range(100)}
    assert folds == {1, 2, 3, 4}
    assert fold(Row(Path(), "", (), "kenney", "back_001", "CC0")) == 1
    assert fold(Row(Path(), "", (), "fsdd", "george", "", fold="train")) in folds


def test_a_word_left_out_takes_its_paraphrases_along() -> None:
    assert matches_class(row("esc50", "dog", "dog"), "dog")
    assert not matches_class(row("esc50", "door_wood_creaks", "door wood creaks"), "door wood knock")
    assert matches_class(row("minetest", "doors_door_open", "door"), "door wood knock")
    assert matches_class(row("sonicpi", "misc", name="misc_crow.flac"), "crow")
    assert not matches_class(row("opensfx", "Cow", "cow"), "crow")
    assert not matches_class(row("esc50", "crow", "crow"), "cow")
    assert matches_class(row("opensfx", "Applause"), "clapping")
    assert not matches_class(row("opensfx", "Lumber mill: Chainsaw", "chainsaw"), "hand saw")
    kept = exclude_classes([row("opensfx", "Cow", "cow"), row("opensfx", "Sheep", "sheep")], ["cow", "train"])
    assert [found.label for found in kept] == ["Sheep"]


# The recordings themselves: facts that the shipped model rests on


def test_which_real_rows_train(data: Path) -> None:
    rows = corpora.read(data, ["esc50"])
    assert Counter(row.licence for row in rows if is_trainable(row)) == {"CC0": 666, "CC-BY": 735}
    assert len({row.labels for row in rows}) == 50
    assert {fold(row) for row in rows} == {1, 2, 3, 4}


def test_no_real_source_is_split_over_folds(data: Path) -> None:
    folds = defaultdict(set)
    for row in corpora.read(data):
        if row.corpus != "esc50":
            folds[row.corpus, row.source].add(fold(row))
    assert all(len(numbers) == 1 for numbers in folds.values())


def test_every_real_corpus_is_read_and_its_files_are_there(data: Path) -> None:
    rows = corpora.read(data)
    assert {row.corpus for row in rows} == set(corpora.CORPORA)
    assert all(row.path.is_file() for row in rows)
    assert all(label == label.strip().lower() for row in rows for label in row.labels)
