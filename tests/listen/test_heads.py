"""Fitted heads: examples read from folders and tables, figures on recordings left out, and files that are checked."""

from __future__ import annotations

import dataclasses
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tone_model import RATE, silence, tone

import auricle
from auricle.archive.search import Hit
from auricle.core.errors import InputError, ModelError
from auricle.listen import heads
from auricle.listen.heads import Example, Heads
from auricle.listen.listener import Listener
from auricle.present.hits_export import export

ENDINGS = frozenset({".wav"})


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve recordings of each of two sounds, a folder a sound."""
    folder = tmp_path_factory.mktemp("classes")
    rng = np.random.default_rng(0)
    for kind, label in (("low_hum", "low tone"), ("whistle", "high tone")):
        (folder / kind).mkdir()
        for number in range(12):
            noise = 0.02 * rng.standard_normal(2 * RATE).astype(np.float32)
            soundfile.write(folder / kind / f"{number}.wav", rng.uniform(0.2, 1) * tone(label, 2) + noise, RATE)
    return folder


def test_linked_folders_are_read_once_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("siren/a.wav", "siren/.git/b.wav", "bell/deep/c.wav", ".hidden/d.wav", "away/e.wav"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).touch()
    (tmp_path / "set" / "away").rename(tmp_path / "away")
    (tmp_path / "set" / "bell" / "link").symlink_to(tmp_path / "away")
    (tmp_path / "set" / "bell" / "loop").symlink_to(tmp_path / "set" / "bell")
    found = [(Path(one.file).name, one.labels) for one in heads.read_examples(tmp_path / "set", ENDINGS)]
    assert found == [("c.wav", ("bell",)), ("e.wav", ("bell",)), ("a.wav", ("siren",))]


def test_a_folder_a_label_makes_heads_that_hear_new_sound(classes: Path, listener: Listener, tmp_path: Path) -> None:
    made, report = heads.fit(listener, heads.read_examples(classes, ENDINGS))
    assert made.labels == ("low hum", "whistle") and report.examples == {"low hum": 12, "whistle": 12}
    assert report.accuracy is not None and report.accuracy[0] == 1.0 and report.accuracy[1] < 1.0
    made.save(tmp_path / "my.head")
    again = Heads.load(tmp_path / "my.head")
    again.check(listener)
    np.testing.assert_array_equal(again.weights, made.weights)
    soundfile.write(tmp_path / "new.wav", np.concatenate([silence(5), 0.5 * tone("high tone", 5)]), RATE)
    heard = listener.listen(tmp_path / "new.wav", ["low tone"], heads=again)
    assert [label.label for label in heard.labels or ()] == ["low tone", "low hum", "whistle"]
    assert [label.present for label in heard.labels or ()] == [False, False, True]
    soundfile.write(tmp_path / "silent.wav", silence(5), RATE)
    assert not any(label.present for label in listener.listen(tmp_path / "silent.wav", heads=again).labels or ())


def test_figures_are_of_recordings_left_out(listener: Listener, tmp_path: Path) -> None:
    """Labels drawn by lot cannot be learnt: only heads that had seen the recordings would get them right."""
    rng = np.random.default_rng(1)
    examples = []
    for number in range(40):
        soundfile.write(tmp_path / f"{number}.wav", rng.standard_normal(RATE).astype(np.float32) * 0.1, RATE)
        examples.append(Example(str(tmp_path / f"{number}.wav"), (("a", "b")[number % 2],)))
    accuracy = heads.fit(listener, examples)[1].accuracy
    assert accuracy is not None and accuracy[0] < 0.8


def test_tables_have_stretches_groups_and_several_labels(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,label,onset,offset,group\na.wav,dog_bark,1,2.5,yard\na.wav,child,1,2.5,yard\nb.wav,child,,,\n")
    first, second = heads.read_examples(tmp_path / "t.csv", ENDINGS)
    assert first == Example(str(tmp_path / "a.wav"), ("child", "dog bark"), 1.0, 2.5, "yard")
    assert second == Example(str(tmp_path / "b.wav"), ("child",), 0.0, float("inf"), str(tmp_path / "b.wav"))


def test_a_cell_of_labels_is_an_example_of_each(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('file,labels\na.wav,"dog_bark, ""rain, heavy"""\n')
    (example,) = heads.read_examples(tmp_path / "t.csv", ENDINGS)
    assert example.labels == ("dog bark", "rain, heavy")


def test_label_tracks_and_selection_tables_are_examples(classes: Path, listener: Listener, tmp_path: Path) -> None:
    """Two labels, each from Audacity, from Raven and from our own export: one head a label, whatever wrote it and however it is spelt."""
    rng = np.random.default_rng(2)
    name = "Zaunk\u00f6nig"
    for number in range(4):
        both = [0.5 * tone("low tone", 2), 0.5 * tone("high tone", 2)]
        soundfile.write(tmp_path / f"{number}.wav", np.concatenate(both) + 0.02 * rng.standard_normal(4 * RATE).astype(np.float32), RATE)
    (tmp_path / "0.txt").write_text(f"0,0\t2,0\thum\n2,0\t4,0\t{unicodedata.normalize('NFD', name)}\n", encoding="utf-8")
    head = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tSpecies\n"
    (tmp_path / "1.Table.1.selections.txt").write_text(head + f"1\tW\t1\t0\t2\thum\n2\tW\t1\t2\t4\t{name}\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("of no recording")
    examples = heads.read_examples(tmp_path, ENDINGS)
    assert [(Path(each.file).name, each.labels, each.onset, each.offset) for each in examples] == [
        (file, labels, onset, onset + 2.0) for file in ("0.wav", "1.wav") for labels, onset in ((("hum",), 0.0), ((name,), 2.0))
    ]
    for label, onset in (("hum", 0.0), (name, 2.0)):
        hits = [Hit(str(tmp_path / f"{number}.wav"), onset, onset + 2, 0.9) for number in (2, 3)]
        export(hits, tmp_path / f"{onset}.raven.txt", what=label, rates={hit.file: RATE for hit in hits})
        examples += heads.read_examples(tmp_path / f"{onset}.raven.txt", ENDINGS)
    made, report = heads.fit(listener, examples)
    assert made.labels == ("Zaunk\u00f6nig", "hum") and report.examples == {name: 4, "hum": 4}


def test_a_folder_is_one_label_however_its_name_is_composed(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        folder = tmp_path / form / unicodedata.normalize(form, "K\u00e4uzchen")
        folder.mkdir(parents=True)
        soundfile.write(folder / "a.wav", silence(1), RATE)
    one, other = (heads.read_examples(tmp_path / form, ENDINGS)[0].labels for form in ("NFC", "NFD"))
    assert one == other == ("K\u00e4uzchen",)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("file,label\n", "has no examples"),
        ("name,label\nx.wav,a\n", "line 2: has no file name"),
        ("file,label,onset\nx.wav,a,soon\n", "line 2: could not convert"),
        ("file,label,onset,offset\nx.wav,a,3,2\n", "goes from 3 to 2 s"),
        ("file,label\nx.wav,\n", "line 2: has no label; wanted a column label"),
        ('file,labels\nx.wav,"a,,b"\n', "line 2: labels 'a,,b': one is empty"),
        ("file,label\nx.wav,a\ny.wav,b,c\n", "line 3: has 3 cells for 2 columns"),
        ("file,label,group\nx.wav,a,one\nx.wav,b,two\n", "line 3: has group two, an earlier row has one"),
    ],
)
def test_tables_that_make_no_sense_say_where(text: str, match: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=match):
        heads.read_examples(tmp_path / "t.csv", ENDINGS)


def test_what_cannot_be_heard_is_told_and_left_out(classes: Path, listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("no sound")
    examples = [*heads.read_examples(classes, ENDINGS), Example(str(tmp_path / "bad.wav"), ("whistle",))]
    report = heads.fit(listener, examples)[1]
    assert report.examples["whistle"] == 12 and len(report.failed) == 1 and "bad.wav" in report.failed[0]


def test_too_little_is_refused(classes: Path, listener: Listener) -> None:
    examples = heads.read_examples(classes, ENDINGS)
    with pytest.raises(InputError, match="there is one label"):
        heads.fit(listener, [example for example in examples if example.labels == ("whistle",)])
    with pytest.raises(InputError, match="label 'low hum': recordings with it 1, without it 12"):
        heads.fit(listener, [*examples[11:]])
    same = [dataclasses.replace(example, group="one site") if example.labels == ("low hum",) else example for example in examples]
    with pytest.raises(InputError, match="label 'low hum': recordings with it 1, without it 12"):
        heads.fit(listener, same)


def test_files_that_are_something_else_are_refused(classes: Path, listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "x.head").write_bytes(b"\x80\x04 a pickle would start like this")
    with pytest.raises(ModelError, match="is not a heads file"):
        Heads.load(tmp_path / "x.head")
    with pytest.raises(ModelError, match="is not a heads file"):
        Heads.load(listener.runtime.folder / "model.safetensors")
    made, _ = heads.fit(listener, heads.read_examples(classes, ENDINGS))
    with pytest.raises(ModelError, match="the heads were fitted to"):
        dataclasses.replace(made, fingerprint="0" * 64).check(listener)
