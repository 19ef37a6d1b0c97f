"""The table of sounds and their names: it is consistent, covers AudioSet and the shipped model, and agrees with AudioSet's ontology."""

from __future__ import annotations

import json
from pathlib import Path

from auricle import data
from auricle.bench.hierarchy import descendants, normalise_name
from auricle.core import audioset
from auricle.core.model_files import read_config
from auricle.listen.english import plain_text, read_name
from auricle.listen.synonyms import synonyms
from auricle.runtime.catalog import find_folder

TABLE = json.loads((Path(data.__file__).parent / "synonyms.json").read_text(encoding="utf-8"))
#: Relations of ours: AudioSet has these sounds beside each other, as what persons or crowds do.
OURS = {("run", "walk"), ("applause", "clapping"), ("chatter", "speech"), ("hubbub", "chatter"), ("drum kit", "drum"), ("subway", "train")}


def names(sound: str) -> list[str]:
    entry = TABLE[sound]
    return [sound, *entry.get("names", ()), *entry.get("kinds", ())]


def test_every_name_is_of_one_sound() -> None:
    sounds: dict[object, str] = {}
    assert [
        (name, found, sound)
        for sound in TABLE
        for name in names(sound)
        if (found := sounds.setdefault(read_name(plain_text(name)), sound)) != sound
    ] == []


def test_related_sounds_are_in_the_table() -> None:
    assert len(TABLE) >= 300
    assert {other for entry in TABLE.values() for field in ("of", "under", "also") for other in entry.get(field, ())} <= TABLE.keys()
    assert all(sound not in synonyms().broader(sound) for sound in TABLE)


def test_labels_are_of_different_sounds() -> None:
    for labels in (audioset.labels(), read_config(find_folder(None) / "config.json").labels):
        found = {}
        for label in labels:
            for text in (label, *label.split(",")):
                if (sound := synonyms().names.get(read_name(plain_text(text)))) is not None:
                    found.setdefault(label, sound[0])
        assert len(found) >= 0.9 * len(labels)


def test_broader_sounds_are_those_of_the_ontology() -> None:
    of_sound = {}
    for label in audioset.labels():
        whole = synonyms().names.get(read_name(plain_text(label)))
        if whole is not None:
            of_sound[whole[0]] = label
    below = descendants()
    wrong = [
        (sound, broader)
        for sound, entry in TABLE.items()
        for broader in (*entry.get("of", ()), *entry.get("under", ()))
        if sound in of_sound and broader in of_sound and normalise_name(of_sound[sound]) not in below[normalise_name(of_sound[broader])]
    ]
    assert set(wrong) <= OURS


def test_what_a_thing_does_is_a_sound_of_it() -> None:
    table = synonyms()
    assert list(table.made_by("dog", "bark~")) == ["bark"] and list(table.made_by("cat", "bark~")) == []
    assert table.broader("baby cry") == {"crying"} and table.broader("meow") == {"cat"}
