"""Which label a phrase means: examples that the matching was made with (phrases.json), and properties that hold for every vocabulary."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from auricle.core import audioset
from auricle.core.model_files import read_config
from auricle.data.grammar import default_phrases
from auricle.data.prompts import load_class_names
from auricle.listen.vocabulary import SEPARATOR, Vocabulary, match_phrase, split_tags
from auricle.runtime.catalog import find_folder

PHRASES = json.loads((Path(__file__).parent / "phrases.json").read_text(encoding="utf-8"))
VOCABULARIES = {"auricle-tiny": tuple(read_config(find_folder(None) / "config.json").labels), "audioset": audioset.labels()}
URBAN = ("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot", "street_music")


def meant(phrase: str, labels: tuple[str, ...]) -> str | None:
    match = match_phrase(phrase, labels)
    return None if match is None else match.label


def test_joined_labels_come_back_whole() -> None:
    vocabulary = ("Dog", "Gunshot, gunfire", "Vehicle horn, car horn, honking", "Rain", "Bell; large")
    for tags in ((), ("Dog",), ("Gunshot, gunfire",), ("Dog", "Gunshot, gunfire", "Rain"), ("Bell; large", "Rain")):
        assert split_tags(SEPARATOR.join(tags), vocabulary) == tags
    older = "Dog, Vehicle horn, car horn, honking, Gunshot, gunfire"  # as archives were written before
    assert split_tags(older, vocabulary) == ("Dog", "Vehicle horn, car horn, honking", "Gunshot, gunfire")


@pytest.mark.parametrize("name", VOCABULARIES)
def test_phrases_mean_their_label(name: str) -> None:
    labels = VOCABULARIES[name]
    assert [
        (phrase, found) for label, phrases in PHRASES[name].items() for phrase in phrases if (found := meant(phrase, labels)) != label
    ] == []


def test_look_alikes_and_denials_mean_another_thing() -> None:
    labels = VOCABULARIES["auricle-tiny"]
    assert [phrase for label, phrases in PHRASES["others"].items() for phrase in phrases if meant(phrase, labels) == label] == []


@pytest.mark.parametrize(
    ("phrase", "label", "how"),
    [
        ("dog", "dog", "equal"),
        ("DOG", "dog", "equal"),
        ("Keyboard_Typing", "keyboard_typing", "equal"),
        ("DOGS", "dog", "inflected"),
        ("the dogs", "dog", "inflected"),
        ("typing on a keyboard", "keyboard_typing", "inflected"),
        ("gunfire", "Gunshot, gunfire", "inflected"),
        ("fire truck", "Fire engine, fire truck (siren)", "inflected"),
        ("the sound of a dog", "dog", "contains"),
        ("a loud dog", "dog", "contains"),
        ("a dog barking in a yard", "dog", "contains"),
        ("frogs in a pond", "frog", "inflected"),
        ("puppy", "dog", "synonym"),
        ("a person speaking", "speech", "synonym"),
        ("woof", "dog", "synonym"),
        ("a labrador barking", "dog", "ancestor"),
        ("a woman speaking", "speech", "ancestor"),
        ("buses", "bus", "inflected"),
        ("hums", None, None),  # two labels have it
        ("a bell ringing", None, None),  # a sound of the table that has no label here
        ("a dog and a frog", None, None),
        ("dog food", None, None),
        ("engine fire", None, None),  # the order of nouns counts
        ("a crow", None, None),  # "crowing" is what a rooster does
        ("in a pond", None, None),
        ("a", None, None),
        ("", None, None),
        ("dog " * 100, None, None),
        ("\u72d7", None, None),
    ],
)
def test_how_phrases_mean_labels(phrase: str, label: str | None, how: str | None) -> None:
    lists = ("Gunshot, gunfire", "Fire engine, fire truck (siren)", "Mains, hum", "Voice, hum", "Crowing, cock-a-doodle-doo")
    found = match_phrase(phrase, ("dog", "frog", "speech", "keyboard_typing", "bus", *lists))
    assert (found and (found.label, found.how)) == (label and (label, how))


@pytest.mark.parametrize("labels", [*VOCABULARIES.values(), URBAN])
def test_every_label_means_itself(labels: tuple[str, ...]) -> None:
    shapes = ("{}", "the {}", "a {}", "the sound of {}", "{} sounds", "a loud {}", "{} in the distance", "{} outside a house")
    wrong = {}
    for label in labels:
        plain = label.replace("_", " ")
        for phrase in (shape.format(text) for shape in shapes for text in (plain, plain.upper(), plain.lower())):
            if (found := meant(phrase, labels)) != label:
                wrong[phrase] = found
    assert wrong == {}


def test_plurals_mean_the_same() -> None:
    plurals = {"Dogs": "Dog", "Horses": "Horse", "Buses": "Bus", "Violins": "Violin, fiddle", "Church bells": "Church bell"}
    plurals |= {"Wolves": "Canidae, dogs, wolves", "Mice": "Mouse", "Geese": "Goose", "Flies": "Fly, housefly", "Sneezes": "Sneeze"}
    assert {plural: meant(plural, audioset.labels()) for plural in plurals} == plurals


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_order_of_the_labels_does_not_matter(name: str) -> None:
    labels = VOCABULARIES[name]
    shuffled = Vocabulary(random.Random(0).sample(labels, len(labels)))
    phrases = [*labels, *(phrase for several in (*PHRASES[name].values(), *PHRASES["others"].values()) for phrase in several)]
    assert [found and found.label for found in map(shuffled.match, phrases)] == [meant(phrase, labels) for phrase in phrases]


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_label_that_is_left_out_means_no_look_alike(name: str) -> None:
    """It means a broader label, or one that has it as a part ("Wolf" of "Canidae, dogs, wolves"), or none."""
    labels = VOCABULARIES[name]
    found = {
        label: match_phrase(label, tuple(other for other in labels if other != label)) for label in random.Random(1).sample(labels, 40)
    }
    assert {match.how for match in found.values() if match is not None} <= {"ancestor", "synonym", "inflected"}
    assert sum(match is not None for match in found.values()) < 20


def test_more_specific_labels_are_preferred() -> None:
    labels = VOCABULARIES["audioset"]
    pairs = {"a kitten meowing": "Meow", "a labrador": "Dog", "a labrador barking": "Bark", "a man singing": "Male singing"}
    pairs |= {"rain on a roof": "Rain on surface", "a goose honking": "Honk", "honking": "Vehicle horn, car horn, honking"}
    assert {phrase: meant(phrase, labels) for phrase in pairs} == pairs
    assert meant("a kitten meowing", ("cat", "dog")) == "cat"


def test_the_words_that_the_corpora_use_mean_their_labels() -> None:
    """Descriptions and phrases of the labels of ESC-50, as captions and published prompts have them."""
    labels = VOCABULARIES["auricle-tiny"]
    said = {label: [phrase.said, phrase.clause] for label, phrase in default_phrases().items()}
    for label, description in load_class_names("esc50").names.items():
        said.setdefault(label.replace("_", " "), []).append(description)
    assert [(text, found) for label, texts in said.items() for text in texts if (found := meant(text, labels)) != label] == []


@pytest.mark.parametrize(
    ("phrase", "negated"),
    [
        ("no dog", True),
        ("rain without thunder", True),
        ("a dog that isn't barking", True),
        ("absence of rain", True),
        ("anything but a dog", True),
        ("a dog that won't stop barking", False),
        ("notes of a piano", False),
        ("a noisy dog", False),
        ("No sound", False),  # a label
        ("no sounds", False),
    ],
)
def test_denials(phrase: str, negated: bool) -> None:
    vocabulary = Vocabulary(("dog", "rain", "no sound"))
    assert vocabulary.is_negated(phrase) == negated
    assert not negated or vocabulary.match(phrase) is None


def test_several_sounds_are_matched_each() -> None:
    vocabulary = Vocabulary(("dog", "rain", "frog"))
    found = {
        phrase: [match.label for match in vocabulary.match_each(phrase)] for phrase in ("a dog and rain", "frogs, dogs", "dog whistle")
    }
    assert found == {"a dog and rain": ["dog", "rain"], "frogs, dogs": ["frog", "dog"], "dog whistle": []}
    assert [match.label for match in vocabulary.match_each("rain and no dog")] == ["rain"]


def test_vocabularies_of_other_projects() -> None:
    found = {phrase: meant(phrase, URBAN) for phrase in ("a puppy barking", "a drill", "kids playing", "gunfire", "idling engine", "a dog")}
    assert list(found.values()) == ["dog_bark", "drilling", "children_playing", "gun_shot", "engine_idling", None]
    fsd50k = ("Vehicle_horn_and_car_horn_and_honking", "Gunshot_and_gunfire", "Drum_and_bass")
    assert [meant(phrase, fsd50k) for phrase in ("a car honking", "gunshots", "a drum")] == [fsd50k[0], fsd50k[1], None]
    assert meant("zumba", ("Zumba (dance)",)) == "Zumba (dance)" and meant("keyboard", audioset.labels()) is None
