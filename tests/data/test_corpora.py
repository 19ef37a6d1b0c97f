from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from auricle.core.errors import InputError
from auricle.data import corpora, manifest
from auricle.data.class_exclusion import exclude_classes, matches_class
from auricle.data.corpora import cc_sounds, kenney, minetest, openclonk, opensfx, sonicpi, synthetic
from auricle.data.corpora.clip_table import COLUMNS, Row, fold
from auricle.data.licences import TEST_ONLY, TRAINING_ONLY, is_open, is_testable, is_trainable


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


def test_a_corpus_is_read_from_its_own_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"filename": "a.ogg", "label": "dog", "licence": "CC0", "duration_s": "5.0", "sample_rate": "16000", "channels": "1"}
    for name in ("esc50_16k", "esc50", "other"):
        lay_out(tmp_path / name, [row])
    for name in ("esc50_16k", "esc50"):
        assert [row.path for row in corpora.read(tmp_path / name, ["esc50"])] == [tmp_path / name / "a.ogg"]
    monkeypatch.chdir(tmp_path / "esc50")
    assert [row.corpus for row in corpora.read(".")] == ["esc50"]
    for folder, corpus in (("esc50_16k", "fsdd"), ("other", "esc50")):  # a table of another corpus is not taken for this one
        with pytest.raises(InputError, match=f"prepare {corpus}"):
            corpora.read(tmp_path / folder, [corpus])


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
        ("CC0-1.0", True),
        ("CC-BY-4.0", True),
        ("public-domain", True),
        ("MIT", True),
        ("BSD-3-Clause", True),
        ("Apache-2.0", True),
        ("captions MIT; the sounds are their uploaders'", False),
        ("MIT-like (CMU Flite), ambience CC0", True),
        ("CC0 1.0, ambience CC BY-SA 4.0", False),
        ("CC-BY-SA-3.0", False),
        ("GPL-2+", False),
        ("MPL-2.0", False),
        ("", False),
    ],
)
def test_only_open_licences_train(licence: str, openly: bool) -> None:
    assert is_open(licence) == openly
    assert is_trainable(row("esc50", "dog", licence=licence)) == openly


def test_synthetic_sounds_train_and_never_test(tmp_path: Path) -> None:
    rows = [
        {"filename": f"audio/{n}.ogg", "label": label, "licence": "MIT", "source_id": n} for n, label in (("a", "music; violin"), ("b", ""))
    ]
    lay_out(tmp_path / "synthetic", rows)
    music, unlabelled = corpora.read(tmp_path)
    assert (music.labels, unlabelled.labels) == (("music", "violin"), ()) and synthetic.join_labels(music.labels) == music.label
    assert is_trainable(music) and not is_testable(music.corpus) and is_testable("esc50")
    assert not TRAINING_ONLY & TEST_ONLY
    with pytest.raises(InputError, match=r"python -m recipes\.synthetic --out"):
        corpora.read(tmp_path / "none", ["synthetic"])


@pytest.mark.parametrize("corpus", ["fsdd", "minetest", "donateacry", "spatial", "test_copyleft"])
def test_corpora_for_tests_never_train(corpus: str) -> None:
    assert not is_trainable(row(corpus, "dog", licence="CC0"))


def test_rendered_sounds_never_test() -> None:
    assert not is_testable("gm_instruments") and is_trainable(row("gm_instruments", "piano", licence="MIT"))
    assert is_testable("discord_gm")


def test_assembled_corpora_share_a_numbering_of_sources_and_their_folds(tmp_path: Path) -> None:
    table = {"label": "Geiger counter", "fold": "5", "licence": "CC0-1.0"}
    made = [
        table | {"filename": "audio/geiger-low.ogg", "source_id": "freesound/616516", "extra": "sure=0;gain=2.5dB"},
        table | {"filename": "audio/shell-load-01.ogg", "source_id": "cc-sounds/shell_load", "label": "shotgun", "extra": "sure=1"},
        table | {"filename": "audio/death.ogg", "source_id": "freesound/84708", "label": ""},
    ]
    lay_out(tmp_path / cc_sounds.FOLDER, made)
    geiger, shell, glass = cc_sounds.read(tmp_path)
    assert (geiger.labels, geiger.source, geiger.url) == (("geiger counter",), "616516", "https://freesound.org/s/616516 via ")
    assert (geiger.sure, geiger.gain, geiger.rendered) == (False, 2.5, False)
    assert (shell.labels, shell.source, shell.sure, shell.gain) == (("gun reloading",), "cc-sounds/shell_load", True, 0.0)
    assert glass.labels == () and fold(glass) == 1  # of the author of breaking glass in ESC-50
    assert fold(geiger) in (1, 2, 3, 4)
    same = {"source_id": "freesound/616516", "extra": "rendered"}
    lay_out(
        tmp_path / openclonk.FOLDER,
        [same, {"source_id": "soundbible/1935-Ocean-Waves"}, {"source_id": "openclonk/Animals/Bat/Chirp", "author": "Chirp, Flutter1"}],
    )
    again, waves, bat = openclonk.read(tmp_path)
    assert (again.source, fold(again), again.rendered) == (geiger.source, fold(geiger), True)
    assert (waves.source, waves.url) == ("1935", "https://soundbible.com/1935 via ") and bat.author == "ala"
    item, *_ = manifest.items_from_rows([geiger])
    assert (item.site, item.source, item.values) == ("freesound", "616516", {"sure": 0.0, "gain": 2.5})
    assert [one.values for one in manifest.items_from_rows([again, shell])] == [{"rendered": 1.0}, {}]


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


def test_one_real_recording_is_in_one_fold_in_all_corpora(data: Path) -> None:
    folds = defaultdict(set)
    for item, row in zip(manifest.items_from_rows(rows := corpora.read(data)), rows, strict=True):
        if item.source.isdecimal() and item.site:
            folds[item.site, item.source].add(fold(row))
    split = {source for source, numbers in folds.items() if len(numbers) > 1}
    assert split == {("freesound", "131943"), ("freesound", "134049")}  # by ESC-50 itself, see docs/data.md


def test_every_real_corpus_is_read_and_its_files_are_there(data: Path) -> None:
    rows = corpora.read(data)
    assert {row.corpus for row in rows} >= {name for name, corpus in corpora.CORPORA.items() if corpus.published}
    assert all(row.path.is_file() for row in rows)
    assert all(label == label.strip().lower() for row in rows for label in row.labels)
