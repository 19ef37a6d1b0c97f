from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.data.corpora.clip_table import Row
from auricle.data.item import Caption, Item, Question, Track
from auricle.data.manifest import items_from_rows, read, site_of_url, write

FULL = {
    "corpus": "made",
    "source": "r1",
    "site": "freesound",
    "licence": "CC0",
    "author": 'someone, and "another"',
    "url": "https://freesound.org/s/1",
    "duration": 2.5,
    "start": 0.5,
    "end": 3.0,
    "fold": "1",
}
CAPTIONS = (Caption("a dog, barking\nloudly"), Caption("ein Hund bellt ü", style="rewritten", weight=0.25))


def clips(folder: Path) -> list[Item]:
    return [
        Item("a", folder / "sub" / "a.wav", captions=CAPTIONS, labels=("dog", "[animal]"), **FULL),
        Item("b", Path("/elsewhere/b.wav"), labels=("[odd",)),
        Item("c", folder / "c.wav"),
        Item(
            "d",
            folder / "d.wav",
            events=(Event("dog", 0.0, 0.5, 1.0), Event("rain", 0.25, 2.0, 1.0)),
            questions=(Question("how many dogs bark?", "one"),),
            tracks=(Track("dog", (0.0, 0.1), (-30.0, -20.0), (0.0, 5.0)), Track("rain", (0.0,), (0.0,), (90.0,), (2.5,))),
            values={"tempo": 120.0, "height": -1.5},
        ),
    ]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_what_is_written_is_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"clips.{ending}"
    write(path, iter(clips(tmp_path)))
    assert read(path) == clips(tmp_path)


def test_labels_include_those_of_events(tmp_path: Path) -> None:
    item = Item("a", tmp_path / "a.wav", labels=("rain",), events=(Event("dog  bark", 0.0, 1.0, 1.0), Event("rain", 0.0, 1.0, 1.0)))
    assert item.labels == ("rain", "dog bark") and item.events[0].label == "dog bark"


def test_labels_of_a_text_are_split_as_on_the_command_line(tmp_path: Path) -> None:
    cells = ('"dog, rain"', '"""a door, then steps"", rain"', '"Gunshot, gunfire"', "dog", '"[""a, b"", ""c""]"', "")
    (tmp_path / "clips.csv").write_text("audio,labels\n" + "".join(f"{number}.wav,{cell}\n" for number, cell in enumerate(cells)))
    assert [item.labels for item in read(tmp_path / "clips.csv")] == [
        ("dog", "rain"),
        ("a door, then steps", "rain"),
        ("Gunshot, gunfire",),  # one label of AudioSet
        ("dog",),
        ("a, b", "c"),
        (),
    ]
    (tmp_path / "clips.csv").write_text('audio,labels\na.wav,"dog,,rain"\n')
    with pytest.raises(InputError, match="line 2: labels 'dog,,rain': one is empty"):
        read(tmp_path / "clips.csv")


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_a_long_manifest_keeps_every_row(tmp_path: Path, ending: str) -> None:
    items = [Item(str(place), tmp_path / f"{place}.wav") for place in range(10_001)]  # more than is held at once
    write(tmp_path / f"clips.{ending}", items)
    assert read(tmp_path / f"clips.{ending}") == items


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_paths_move_with_the_manifest(tmp_path: Path, ending: str) -> None:
    write(tmp_path / "here" / f"clips.{ending}", clips(tmp_path / "here"))
    (tmp_path / "here").rename(tmp_path / "there")
    assert [item.audio for item in read(tmp_path / "there" / f"clips.{ending}")][::2] == [
        tmp_path / "there" / "sub" / "a.wav",
        tmp_path / "there" / "c.wav",
    ]


def test_a_relative_folder_is_that_of_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("runs/clips.jsonl", [Item("a", Path("runs/a.wav")), Item("b", Path("runs/../b.wav"))])
    assert [item.audio for item in read("runs/clips.jsonl")] == [tmp_path / "runs" / "a.wav", tmp_path / "b.wav"]
    monkeypatch.chdir("/")
    assert read(tmp_path / "runs" / "clips.jsonl")[0].audio == tmp_path / "runs" / "a.wav"


def test_a_line_of_a_person_is_enough(tmp_path: Path) -> None:
    (tmp_path / "clips.jsonl").write_text('{"audio": "x/a.wav", "captions": "a dog barks", "labels": ["dog"]}\n\n')
    (item,) = read(tmp_path / "clips.jsonl")
    assert item == Item("x/a.wav", tmp_path / "x" / "a.wav", captions=(Caption("a dog barks"),), labels=("dog",))
    (tmp_path / "clips.csv").write_text("\ufeffaudio,captions,labels,end\na.wav,a dog barks,dog,\n", encoding="utf-8")
    (item,) = read(str(tmp_path / "clips.csv"))
    assert item == Item("a.wav", tmp_path / "a.wav", captions=(Caption("a dog barks"),), labels=("dog",))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not valid JSON"),
        ("[1]", "wanted an object"),
        ("{}", "audio is missing"),
        ('{"audio": "a.wav", "caption": "x"}', "caption: no such field; known: id, audio, captions"),
        ('{"audio": "a.wav", "captions": [" "]}', "a caption is empty"),
        ('{"audio": "a.wav", "captions": [{"txt": "x"}]}', "wanted an object with text, optionally style, weight"),
        ('{"audio": "a.wav", "captions": [{"text": "x", "weight": -1}]}', "weight -1"),
        ('{"audio": "a.wav", "labels": 3}', "labels is '3'; wanted a list"),
        ('{"audio": "a.wav", "duration": "long"}', "duration is 'long'; wanted a number"),
        ('{"audio": "a.wav", "duration": NaN}', "duration nan"),
        ('{"audio": "a.wav", "start": 2, "end": 1}', "end 1.0 is not after start 2.0"),
        ('{"audio": 7}', "audio is '7'; wanted text"),
        ('{"audio": "a.wav", "events": [{"label": "dog", "onset": 1}]}', "wanted an object with label, onset, offset"),
        ('{"audio": "a.wav", "events": [{"label": "dog", "onset": 2, "offset": 1}]}', "wanted 0 <= onset < offset"),
        ('{"audio": "a.wav", "questions": [{"text": "what?", "answer": " "}]}', "wanted text for both"),
        ('{"audio": "a.wav", "tracks": [{"label": "a", "times": [0, 1], "azimuth": [0], "elevation": [0]}]}', "2 times, 1 azimuths"),
        ('{"audio": "a.wav", "values": {"tempo": "fast"}}', "value 'tempo' is 'fast'; wanted a number"),
        ('{"audio": "a.wav", "values": [1]}', "values are [1]; wanted numbers by name"),
        ('{"audio": "ok.wav"}', "id 'ok.wav' is also that of line 1"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "clips.jsonl"
    path.write_text('{"audio": "ok.wav"}\n' + line + "\n")
    with pytest.raises(InputError) as raised:
        read(path)
    assert f"{path}: line 2" in str(raised.value) and said in str(raised.value)


def test_errors_of_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('audio,labels\n"one\ntwo.wav",dog\nb.wav,"[1"\n')
    with pytest.raises(InputError, match=r"a\.csv: line 4: labels starts like a JSON list"):
        read(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("audio,labels\na.wav,dog,cat\n")
    with pytest.raises(InputError, match=r"b\.csv: line 2: has 3 cells for 2 columns"):
        read(tmp_path / "b.csv")
    (tmp_path / "c.jsonl").write_bytes(b'{"audio": "\xff.wav"}\n')
    with pytest.raises(InputError, match="is not UTF-8"):
        read(tmp_path / "c.jsonl")
    (tmp_path / "d.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(InputError, match=r"d\.parquet: is not usable parquet"):
        read(tmp_path / "d.parquet")
    with pytest.raises(InputError, match="is not a manifest by its extension"):
        read(tmp_path / "d.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "none.jsonl")


def test_tables_of_spreadsheets_are_read_and_labels_are_one_however_they_are_composed(tmp_path: Path) -> None:
    text = unicodedata.normalize("NFD", "audio;labels;start;end\r\na.wav;Zaunkönig;0,5;1,25\r\n")
    (tmp_path / "a.csv").write_bytes(text.encode("utf-8-sig"))
    (tmp_path / "b.tsv").write_text("audio\tlabels\tstart\tend\na.wav\tZaunkönig\t0.5\t1.25\n", encoding="utf-8")
    wanted = [Item("a.wav", tmp_path / "a.wav", labels=("Zaunk\u00f6nig",), start=0.5, end=1.25)]
    assert read(tmp_path / "a.csv") == read(tmp_path / "b.tsv") == wanted


def test_a_failed_write_leaves_the_old_manifest(tmp_path: Path) -> None:
    path = tmp_path / "clips.jsonl"
    write(path, clips(tmp_path))

    def breaking() -> object:
        yield clips(tmp_path)[0]
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        write(path, breaking())
    assert read(path) == clips(tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == ["clips.jsonl"]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_names_that_are_no_text_are_refused(tmp_path: Path, ending: str) -> None:
    with pytest.raises(InputError, match="cannot be written as UTF-8"):
        write(tmp_path / f"clips.{ending}", [Item("a", tmp_path / "\udcff.wav")])
    assert not list(tmp_path.iterdir())


def test_rows_of_corpora_become_items(tmp_path: Path) -> None:
    address = "http://www.freesound.org/people/x/sounds/9"
    row = Row(tmp_path / "audio" / "1.ogg", "dog", ("dog",), "esc50", "9", "CC0", author="x", url=address, fold="2", duration=5.0)
    (item,) = items_from_rows([row])
    assert (item.id, item.audio, item.labels, item.source, item.site) == ("esc50/1.ogg", row.path, ("dog",), "9", "freesound")
    assert (item.licence, item.author, item.fold, item.duration) == ("CC0", "x", "2", 5.0)


def test_sites_of_addresses() -> None:
    assert site_of_url("https://freemusicarchive.org/music/x; https://creativecommons.org/by") == "freemusicarchive"
    assert site_of_url("https://www.youtube.com/watch?v=x") == "youtube" and site_of_url("") == "" and site_of_url("no address") == ""


def test_a_manifest_of_one_shard_carries_the_sounds(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(80), 8000)
    write(tmp_path / "clips.jsonl", [Item("a", tmp_path / "a.wav", captions=CAPTIONS, labels=("dog",), **FULL)])
    write(tmp_path / "clips.tar", read(tmp_path / "clips.jsonl"))
    (item,) = read(tmp_path / "clips.tar")
    assert (item.audio, item.captions, item.labels, item.end) == (tmp_path / "clips.tar", CAPTIONS, ("dog",), 3.0)
    write(tmp_path / "again.jsonl", [item])
    assert read(tmp_path / "again.jsonl") == [item]
    assert json.loads((tmp_path / "again.jsonl").read_text())["member"] == "000000000.wav"
