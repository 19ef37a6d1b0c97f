"""Labels as text: what a person types, and the joined labels of a table's cell."""

from __future__ import annotations

import pytest

from auricle.core import audioset
from auricle.core.errors import InputError
from auricle.listen.vocabulary import SEPARATOR, Vocabulary, split_labels, split_tags, synonyms


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["dog, cat"], ["dog", "cat"]),
        (["dog", "cat,  crying baby "], ["dog", "cat", "crying baby"]),
        (['dog, "Gunshot, gunfire"'], ["dog", "Gunshot, gunfire"]),
        (['"Gunshot, gunfire",dog'], ["Gunshot, gunfire", "dog"]),
        (['the "big" bell, a 5" nail'], ['the "big" bell', 'a 5" nail']),
        (["Gunshot, gunfire"], ["Gunshot, gunfire"]),  # one label of AudioSet
        (["vehicle horn, car horn, honking", "dog, rain"], ["vehicle horn, car horn, honking", "dog", "rain"]),
        (["wren, Troglodytes"], ["wren, Troglodytes"]),  # one label of the model
        (["wren, Troglodytes, robin"], ["wren", "Troglodytes", "robin"]),
    ],
)
def test_labels_are_split_at_commas_that_are_not_their_own(texts: list[str], labels: list[str]) -> None:
    assert split_labels(texts, ("wren, Troglodytes", "robin")) == labels


@pytest.mark.parametrize("text", ["", " ", "dog,,cat", ",", 'dog, ""', '"dog, cat', 'dog\n"', '"dog" barks'])
def test_labels_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="wanted"):
        split_labels(["rain", text])


def test_joined_labels_come_back_whole() -> None:
    vocabulary = ("Dog", "Gunshot, gunfire", "Vehicle horn, car horn, honking", "Rain", "Bell; large")
    for tags in ((), ("Dog",), ("Gunshot, gunfire",), ("Dog", "Gunshot, gunfire", "Rain"), ("Bell; large", "Rain")):
        assert split_tags(SEPARATOR.join(tags), vocabulary) == tags
    older = "Dog, Vehicle horn, car horn, honking, Gunshot, gunfire"  # as archives were written before
    assert split_tags(older, vocabulary) == ("Dog", "Vehicle horn, car horn, honking", "Gunshot, gunfire")


@pytest.mark.parametrize(
    ("words", "label"),
    [
        ("dog", "dog"),
        ("DOGS", "dog"),
        ("a dog", "dog"),
        ("a barking dog", "dog"),
        ("dogs barking", "dog"),
        ("the sound of a dog", "dog"),
        ("frogs in a pond", "frog"),
        ("frog", "frog"),
        ("a person speaking", "speech"),
        ("people talking at a party", "speech"),
        ("someone typing on a keyboard", "keyboard typing"),
        ("buses", "bus"),
        ("a bell ringing", None),  # neither a label, nor what one is called
        ("a dog and a frog", None),
        ("no dog", None),
        ("dog food", None),
        ("in a pond", None),
        ("a", None),
        ("gunfire", "Gunshot, gunfire"),
        ("Gunshot, gunfire", "Gunshot, gunfire"),
        ("fire truck", "Fire engine, fire truck (siren)"),
        ("hums", None),  # two labels have it
        ("ring", "ringing"),
    ],
)
def test_words_name_labels(words: str, label: str | None) -> None:
    lists = ("Gunshot, gunfire", "Fire engine, fire truck (siren)", "Mains, hum", "Voice, hum")
    labels = ("dog", "frog", "speech", "keyboard_typing", "bus", "ringing", *lists)
    place = Vocabulary(labels).find(words)
    assert (None if place is None else labels[place].replace("_", " ")) == label


@pytest.mark.parametrize("labels", [audioset.labels(), tuple(synonyms())])
def test_every_label_names_itself(labels: tuple[str, ...]) -> None:
    found = Vocabulary(labels)
    assert [found.find(f"the {label.lower()}") in (place, None) and found.find(label) for place, label in enumerate(labels)] == [
        *range(len(labels))
    ]
