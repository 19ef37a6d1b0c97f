"""Tables of sounds as people and programs write them: the same rows however they are parted, marked and spelt."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from auricle.core import table
from auricle.core.errors import InputError

WAV = frozenset({".wav"})
TWO = [("a.wav", "Zaunkönig", 1.5, 2.25), ("b.wav", "rain, heavy", 0.0, float("inf"))]


def read(path: Path) -> list[tuple[int, str, str, float, float]]:
    return [(row.line, row.file.name, row.label, row.onset, row.offset) for row in table.read_annotations(path, WAV)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", 'file,label,onset,offset\na.wav,Zaunkönig,1.5,2.25\nb.wav,"rain, heavy",,\n'),
        ("t.csv", 'file;label;onset;offset;;\r\na.wav;Zaunkönig;1,5;2,25;;\r\nb.wav;"rain, heavy";;;;\r\n'),
        ("t.csv", 'file,label,onset,offset\na.wav,Zaunkönig,"1,5","2,25"\nb.wav,"rain, heavy",,\n'),
        ("t.tsv", "File\tEvent_label\tOnset\tOffset\na.wav\tZaunkönig\t1.5\t2.25\nb.wav\train, heavy\t\t\n"),
        ("t.txt", "filename\tlabel\tonset\toffset\na.wav\tZaunkönig\t1,5\t2,25\nb.wav\train,  heavy\t\t\n"),
        (
            "t.jsonl",
            '{"file": "a.wav", "label": "Zaunkönig", "start": 1.5, "end": 2.25}\n{"file": "b.wav", "label": "rain, heavy", "end": null}\n',
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_one_table_however_it_is_written(name: str, text: str, encoding: str, form: Literal["NFC", "NFD"], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(unicodedata.normalize(form, text).encode(encoding))
    first = 1 if name.endswith("jsonl") else 2
    assert read(tmp_path / name) == [(first + place, *row) for place, row in enumerate(TWO)]


def test_an_audacity_track_is_of_the_recording_of_its_name(tmp_path: Path) -> None:
    for name in ("siren.wav", "siren 2.wav", "rain.wav"):
        (tmp_path / name).touch()
    (tmp_path / "siren.txt").write_text('1,500000\t3,000000\t"loud" siren\n\\\t200,0\t800,0\n4.0\t5.0\n')
    assert read(tmp_path / "siren.txt") == [(1, "siren.wav", '"loud" siren', 1.5, 3.0), (3, "siren.wav", "", 4.0, 5.0)]
    for other in ("siren.wav.txt", "hits - siren.txt", "siren.Table.1.selections.txt", "siren.BirdNET.selection.table.txt"):
        assert table.find_recording(tmp_path / other, WAV) == tmp_path / "siren.wav"
    assert table.find_recording(tmp_path / "siren 2.txt", WAV) == tmp_path / "siren 2.wav"
    (tmp_path / "hits.txt").write_text("0\t1\tsiren\n")
    with pytest.raises(InputError, match=r"hits\.txt: line 1: has no file name; wanted a column file.*next to the table.*hits\.wav"):
        read(tmp_path / "hits.txt")


def test_a_raven_table_has_the_times_of_its_files(tmp_path: Path) -> None:
    """Begin Time counts from the first file of a view on; File Offset is where the selection begins in its own."""
    (tmp_path / "b.wav").touch()
    head = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tBegin Path\tFile Offset (s)\tAnnotation\n"
    row = '1\tSpectrogram 1\t1\t{}\t{}\t0\tC:\\field\\b.wav\t{}\twren\'s "tick"\n'
    (tmp_path / "r.txt").write_text(head + row.format("61.5", "62.25", "1.5") + row.format("1.5", "2.25", ""))
    assert read(tmp_path / "r.txt") == [(2, "b.wav", 'wren\'s "tick"', 1.5, 2.25), (3, "b.wav", 'wren\'s "tick"', 1.5, 2.25)]
    plain = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\n1\tWaveform 1\t1\t1.5\t2.25\n"
    (tmp_path / "b.Table.1.selections.txt").write_text(plain)
    assert read(tmp_path / "b.Table.1.selections.txt") == [(2, "b.wav", "", 1.5, 2.25)]


def test_a_label_is_as_written_and_labels_are_split(tmp_path: Path) -> None:
    cells = ('"dog, rain",', '"""rain, heavy"", dog",', 'dog,"rain, heavy"', ",", '"dog,,",')
    (tmp_path / "t.csv").write_text("file,Labels,label\n" + "".join(f"a.wav,{each}\n" for each in cells))
    *rows, wrong = table.read_annotations(tmp_path / "t.csv", WAV)
    assert [row.labels() for row in rows] == [("dog", "rain"), ("rain, heavy", "dog"), ("rain, heavy",), ()]
    with pytest.raises(InputError, match="one is empty"):
        wrong.labels()
    (tmp_path / "t.jsonl").write_text('{"file": "a.wav", "labels": ["rain, heavy", "dog"]}\n{"file": "b.wav", "labels": "dog"}\n')
    assert [row.labels() for row in table.read_annotations(tmp_path / "t.jsonl", WAV)] == [("rain, heavy", "dog"), ("dog",)]


def test_names_are_found_however_their_letters_are_composed(tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFD", "köl.wav")).touch()
    (tmp_path / "t.csv").write_text(f"file\n{unicodedata.normalize('NFC', 'köl.wav')}\n")
    (row,) = table.read_annotations(tmp_path / "t.csv", WAV)
    assert row.file.exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.csv", "file,label\na.wav,x\nb.wav,y,z\n", "line 3: has 3 cells for 2 columns"),
        ("t.csv", "file;label\n\na.wav\n", "line 3: has 1 cell for 2 columns"),
        ("t.csv", "file,x,x\na.wav,1,2\n", "'x' more than once"),
        ("t.csv", 'file,label\n"a.wav"b,x\n', "line 2: is not valid csv"),
        ("t.csv", "file,onset\na.wav,soon\n", "line 2: could not convert string to float: 'soon'"),
        ("t.csv", "file,onset,offset\na.wav,3,2\n", "line 2: goes from 3 to 2 s"),
        ("t.csv", "file,onset,offset\na.wav,nan,2\n", "line 2: goes from nan to 2 s"),
        ("t.csv", "label\nx\n", "line 2: has no file name"),
        ("t.csv", "file\na\0.wav\n", "line 2: 'a\\\\x00.wav' cannot be a file"),
        ("t.csv", f"file\n{'a' * 300}.wav\n", "line 2: 'a{60}' cannot be a file"),
        ("t.csv", b"file\n\xe9.wav\n", "is not UTF-8 .*save it as UTF-8"),
        ("t.txt", "1\t2\tdog\n1\tdog\n", "line 2: has 2 cells|could not convert"),
        ("t.jsonl", '{"file": "a.wav"}\n3\n', "line 2: is '3'; wanted an object"),
        ("t.jsonl", '{"file": "a.wav"}\n{\n', "line 2: is not valid JSON"),
    ],
)
def test_tables_that_make_no_sense_are_refused_by_line(name: str, text: str | bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "t.wav").touch()
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=said):
        read(tmp_path / name)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        list(table.read_rows(tmp_path))


def test_empty_tables_have_no_rows(tmp_path: Path) -> None:
    for text in ("", "\n \n", "file,label\n"):
        (tmp_path / "t.csv").write_text(text)
        assert list(table.read_rows(tmp_path / "t.csv")) == []


def test_rows_keep_cells_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(json.dumps({"file": "a.wav", "labels": ["x"], "n": 3}))
    assert list(table.read_rows(tmp_path / "t.jsonl")) == [(1, {"file": "a.wav", "labels": ["x"], "n": 3})]
