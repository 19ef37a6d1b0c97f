from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from auricle.core.errors import InputError
from auricle.data.catalogue import ALL, CATALOGUE, page, wavcaps
from auricle.data.catalogue.tables import find_sounds, licence_from_url, read_rows
from auricle.data.catalogue.youtube import ancestors, with_ancestors
from auricle.data.item import Item
from auricle.data.licences import is_open
from auricle.data.manifest import read, write
from auricle.data.waves import open_waves

from .trees import TREES, sound

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=sorted(CATALOGUE))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def made(name: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    TREES[name](folder)
    return folder


def test_every_corpus_is_read_from_its_published_layout(name: str, tmp_path: Path) -> None:
    entry, download = CATALOGUE[name], made(name, tmp_path / "download")
    everything = entry.items(download)
    assert len({item.id for item in everything}) == len(everything) > 0
    by_split = [item for split in entry.splits for item in entry.items(str(download), split)]
    assert by_split == everything
    for item in everything:
        assert item.audio.is_absolute() and item.corpus == name and item.source and item.site in entry.site
        assert item.fold in entry.splits
        assert all(label == label.strip().lower() and "_" not in label for label in item.labels)
    assert entry.questions or all(item.labels or item.captions for item in everything)
    write(tmp_path / "clips.jsonl", everything)
    assert read(tmp_path / "clips.jsonl") == everything
    waves = open_waves(everything, tmp_path / "waves", rate=8000)
    assert not waves.failed and set(waves.lengths) == {80}


@pytest.mark.parametrize("name", sorted(CATALOGUE.keys() - {"gtzan", "cochlscene", "fsdd"}))  # whose folders are their tables
def test_missing_sounds_are_told_or_left_out(name: str, tmp_path: Path) -> None:
    entry, download = CATALOGUE[name], made(name, tmp_path)
    whole = entry.items(download)
    lost = next(item for item in whole if item.fold == entry.splits[-1])  # that of a list, where there are lists
    lost.audio.unlink()
    with pytest.raises(InputError, match=rf"no such file; it and 0 more of {name}'s {len(whole)} sounds are missing") as raised:
        entry.items(download)
    assert (lost.source if entry.site == "youtube" else lost.audio.stem) in str(raised.value)
    if len(whole) > 1:
        assert entry.items(download, missing="skip") == [item for item in whole if item != lost]
    else:
        with pytest.raises(InputError, match="no such file"):
            entry.items(download, missing="skip")


def test_no_split_and_no_download(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no split 'nine'; wanted"):
        CATALOGUE[name].items(tmp_path, "nine")
    with pytest.raises(InputError, match="is not a folder; wanted a download of"):
        CATALOGUE[name].items(tmp_path / "nowhere")
    with pytest.raises(InputError, match="wanted"):
        CATALOGUE[name].items(tmp_path)


def one(name: str, folder: Path, split: str = ALL) -> Item:
    return CATALOGUE[name].items(made(name, folder), split)[0]


def test_what_is_known_of_clips(tmp_path: Path) -> None:
    dog = one("esc50", tmp_path / "1", "1")
    assert (dog.labels, dog.source, dog.licence, dog.author) == (("dog",), "17", "CC-BY", "x")
    assert one("esc50", tmp_path / "1", "5").licence == "unclear"
    guitar = one("fsd50k", tmp_path / "2", "train")
    assert (guitar.labels, guitar.licence, guitar.author, guitar.source) == (
        ("electric guitar", "music"),
        "CC BY-NC 3.0",
        "someone",
        "64760",
    )
    assert [one("fsd50k", tmp_path / "2", split).fold for split in ("val", "eval")] == ["val", "eval"]
    clip = one("clotho", tmp_path / "3", "validation")
    assert [caption.text for caption in clip.captions] == ["One.", "Two, too.", "Three.", "Four.", "Five."]
    assert (clip.source, clip.author, clip.licence, clip.labels) == ("80399", "Jürgen", "CC0 1.0", ("garble", "police"))
    assert is_open(clip.licence) and not is_open(guitar.licence)
    horn = one("urbansound8k", tmp_path / "4", "10")
    assert (horn.labels, horn.source, horn.duration) == (("car horn",), "7", 4.0)


def test_segments_of_videos(tmp_path: Path) -> None:
    bark = one("audioset", tmp_path / "1", "balanced")
    assert (bark.labels, bark.source, bark.duration) == (("dog", "bark"), "--PJHxphWEs", 10.0)
    assert bark.url == "https://www.youtube.com/watch?v=--PJHxphWEs&t=30s"
    assert one("audioset", tmp_path / "1", "evaluation").audio.name == "-0RWZT-miFs_000420.ogg"
    test = one("audiocaps", tmp_path / "2", "test")
    assert len(test.captions) == 5 and test.source == "7fmOlUlwoNg"
    assert one("audiocaps", tmp_path / "2", "train").captions[0].text == "A woman talks nearby, as water pours"
    assert one("vggsound", tmp_path / "3", "train").labels == ("waterfall burbling, loud",)


def test_ancestors_in_the_ontology(tmp_path: Path) -> None:
    assert ancestors("Bark") == ("dog", "domestic animals, pets", "animal")
    (bark,) = with_ancestors([one("audioset", tmp_path, "balanced")])
    assert bark.labels == ("dog", "bark", "domestic animals, pets", "animal")
    with pytest.raises(InputError, match="'zither solo' is not a label"):
        ancestors("zither solo")


def test_wavcaps_and_its_blacklists(tmp_path: Path) -> None:
    items = CATALOGUE["wavcaps"].items(made("wavcaps", tmp_path))
    assert [(item.site, item.source) for item in items] == [
        ("youtube", "b0RFKhbpFJA"),
        ("bbc", "NHU05093091"),
        ("freesound", "2219"),
        ("soundbible", "2219"),
    ]
    assert {item.captions[0].style for item in items} == {"generated"} and not any(is_open(item.licence) for item in items)
    kept = wavcaps.exclude_blacklisted(items, tmp_path / "json_files" / "blacklist" / "some.json")
    assert [item.fold for item in kept] == ["BBC_Sound_Effects", "FreeSound", "SoundBible"]
    (tmp_path / "json_files" / "FreeSound" / "fsd_final.json").write_text('{"data": [{"id": 3}]}')
    with pytest.raises(InputError, match=r"fsd_final\.json: entry 1 is .*wanted an object with id, caption"):
        CATALOGUE["wavcaps"].items(tmp_path, "FreeSound")


def test_places_notes_and_words(tmp_path: Path) -> None:
    street = one("tau2020mobile", tmp_path / "1", "evaluate")
    assert (street.labels, street.source) == (("street traffic",), "paris-7")
    park = one("macs", tmp_path / "2")
    assert [caption.text for caption in park.captions] == ["People are talking while a bird sings in the park", "Footsteps: near"]
    assert (park.labels, park.source) == (("adults talking", "birds singing", "footsteps", "park"), "vienna-0")
    home = one("cochlscene", tmp_path / "3", "test")
    assert (home.labels, home.source) == (("residential area",), "user0700")
    assert one("nsynth", tmp_path / "4", "valid").source == "guitar_acoustic_000"
    commands = CATALOGUE["speechcommands"]
    download = made("speechcommands", tmp_path / "5")
    assert {split: [item.source for item in commands.items(download, split)] for split in commands.splits} == {
        "train": ["cc"],
        "validation": ["aa"],
        "test": ["bb"],
    }
    digits = CATALOGUE["fsdd"].items(made("fsdd", tmp_path / "6"), "test")
    assert [(item.labels, item.source) for item in digits] == [(("seven",), "jackson")]


def test_questions_and_their_answers(tmp_path: Path) -> None:
    entry = CATALOGUE["clothoaqa"]
    download = made("clothoaqa", tmp_path)
    raining, falls = entry.load_questions(download, "train")
    assert (raining.item, raining.text) == ("0", "Is it raining?") and falls.answers == ("rain", "water", "rain")
    assert (raining.answers, raining.confidence) == (("yes", "no", "yes"), ("yes", "maybe", "yes"))
    assert {question.item for question in entry.load_questions(download)} == {item.id for item in entry.items(download)}
    assert entry.items(download, "train")[0].source == "4711"
    with pytest.raises(InputError, match="gtzan has no questions"):
        CATALOGUE["gtzan"].load_questions(download)


def test_tables_that_are_cut_or_changed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,label\na.wav\n")
    with pytest.raises(InputError, match=r"a\.csv: line 2: has too few cells"):
        list(read_rows(tmp_path / "a.csv", "file", "label"))
    (tmp_path / "b.csv").write_text("# a remark\na.wav, one\u2028two\nb.wav\n", encoding="utf-8")
    told = read_rows(tmp_path / "b.csv", "file", "label", names=("file", "label"))
    assert next(told)["label"] == "one\u2028two"
    with pytest.raises(InputError, match=r"b\.csv: line 3: has too few cells"):
        next(told)
    with pytest.raises(InputError, match="lacks the columns fold"):
        list(read_rows(tmp_path / "a.csv", "file", "fold"))
    sound(tmp_path / "x" / "a.wav", tmp_path / "y" / "a.wav")
    with pytest.raises(InputError, match="have the same name"):
        find_sounds(tmp_path)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://creativecommons.org/licenses/by/3.0/", "CC BY 3.0"),
        ("https://creativecommons.org/licenses/by-nc/4.0/", "CC BY-NC 4.0"),
        ("http://creativecommons.org/licenses/sampling+/1.0/", "CC Sampling+ 1.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "Public Domain 1.0"),
        ("ask the author", "ask the author"),
    ],
)
def test_licences_by_address(address: str, name: str) -> None:
    assert licence_from_url(address) == name
    assert is_open(name) == (name in ("CC BY 3.0", "CC0 1.0", "Public Domain 1.0"))


def test_the_page_is_rendered_from_the_catalogue() -> None:
    wanted = "run `python -m auricle.data.catalogue > docs/corpora.md`"
    assert (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8") == page(), wanted
    assert set(TREES) == set(CATALOGUE)


def test_real_audiocaps_tables(data: Path, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "dataset").symlink_to(data / "text" / "audiocaps")
    clips = {split: list(CATALOGUE["audiocaps"].read(tmp_path, split)) for split in CATALOGUE["audiocaps"].splits}
    assert {split: len(found) for split, found in clips.items()} == {"train": 49_838, "val": 495, "test": 975}
    assert CATALOGUE["audiocaps"].clips == sum(map(len, clips.values()))
    assert Counter(len(item.captions) for item in clips["test"]) == {5: 975}
