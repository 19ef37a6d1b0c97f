"""Words for classes: protocols as their authors write them, banks and attributes checked before they are believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auricle.core import audioset
from auricle.core.errors import InputError
from auricle.data import prompts
from auricle.data.prompts import attributes, descriptions, label_file
from auricle.data.prompts.attributes import Attributes
from auricle.data.prompts.descriptions import DescriptionSet

#: What the published evaluations embed, letter by letter.
PUBLISHED = {
    "msclap": ("door_wood_knock", "this is the sound of door wood knock"),
    "msclap-predictions": ("coughing", "this is a sound of coughing"),
    "laion": ("sea waves", "This is a sound of sea waves."),
    "laion-esc50": ("sea waves", "This is a sound of sea waves"),
    "laion-gtzan": ("hiphop", "This is a hiphop song."),
    "laion-gtzan-readme": ("blues", "This audio is a blues song."),
    "wavcaps-esc50": ("door_wood_knock", "door wood knock can be heard"),
    "wavcaps-vggsound": ("Tapping guitar, (acoustic)", "tapping guitar acoustic can be heard"),
    "wavcaps-urbansound8k": ("gun_shot", "gun shot"),
    "bare": ("Heavy_Rain", "Heavy Rain"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_protocols_say_what_their_authors_say(name: str) -> None:
    label, text = PUBLISHED[name]
    assert prompts.load_protocol(name).texts(label) == [text]


@pytest.mark.parametrize("name", prompts.protocol_names())
def test_every_protocol_opens_and_tells_where_it_is_from(name: str) -> None:
    found = prompts.load_protocol(name)
    assert found.name == name and found.about.endswith(".") and found.source
    texts = [text for label in audioset.labels() for text in found.texts(label)]
    assert len(texts) == 527 * len(found.templates) and all(text == " ".join(text.split()) for text in texts)


@pytest.mark.parametrize(("name", "size"), [("esc50", 50), ("urbansound8k", 10), ("gtzan", 10)])
def test_class_names_are_whole_and_found_in_any_spelling(name: str, size: int) -> None:
    names = prompts.load_class_names(name).names
    assert len(names) == size == len(set(names.values()))
    for raw, words in names.items():
        assert prompts.load_class_names(name).phrase(raw) == prompts.load_class_names(name).phrase(raw.replace("_", " ").upper()) == words
    assert prompts.load_class_names(name).phrase("none of these") == "none of these"


def test_classes_are_put_into_the_sentence() -> None:
    assert (
        prompts.load_protocol("esc50").texts("door_wood_knock")
        == prompts.load_protocol("esc50").texts("Door wood knock")
        == ["knocking on a wooden door"]
    )
    assert prompts.load_protocol("gtzan").texts("metal") == ["heavy metal music"]


def test_a_sentence_or_a_file_of_ones_own(tmp_path: Path) -> None:
    assert prompts.find_protocol("a tape of {label}, old").texts("rain_drops") == ["a tape of rain drops, old"]
    assert prompts.find_protocol("msclap") is prompts.load_protocol("msclap")
    own = {"format": 1, "name": "own", "about": "", "source": "", "templates": ["{label}!", "no {label}"], "clean": {"lower": True}}
    (tmp_path / "own.json").write_text(json.dumps(own))
    assert prompts.find_protocol(str(tmp_path / "own.json")).texts("Rain") == ["rain!", "no rain"]


def test_braces_in_labels_are_letters() -> None:
    assert prompts.find_protocol("x {label}").texts("{label} {0.__class__} %s") == ["x {label} {0. class } %s"]


@pytest.mark.parametrize("asked", ["nonsense", "{label} and {label}", "{label} " + "x" * 2000, "missing.json"])
def test_prompts_that_are_none_are_refused(asked: str) -> None:
    with pytest.raises(InputError, match="wanted"):
        prompts.find_protocol(asked)


@pytest.mark.parametrize(
    "change",
    [{"templates": []}, {"templates": ["no place"]}, {"format": 2}, {"more": 1}, {"templates": "x {label}"}, {"clean": {"up": True}}],
)
def test_protocol_files_are_strict(change: dict[str, object], tmp_path: Path) -> None:
    own = {"format": 1, "name": "own", "about": "", "source": "", "templates": ["{label}"], **change}
    (tmp_path / "own.json").write_text(json.dumps(own))
    with pytest.raises(InputError, match=r"own\.json"):
        prompts.find_protocol(str(tmp_path / "own.json"))


def test_a_label_of_which_nothing_is_left_is_refused() -> None:
    for name, label in (("bare", " _ "), ("wavcaps-vggsound", "(?)")):
        with pytest.raises(InputError, match="is empty"):
            prompts.load_protocol(name).texts(label)


def test_a_bank_is_written_and_read_again(tmp_path: Path) -> None:
    made = descriptions.generate(["dog_bark", "rain"], scenes=["in a yard", "at night"], count=6)
    made.write(tmp_path / "bank.json")
    again = descriptions.read(tmp_path / "bank.json")
    assert again.texts == made.texts and again.of("Dog bark") == made.texts["dog_bark"] and again.of("cat") == ()
    assert len(set(again.of("rain"))) == 6 and all("rain" in text for text in again.of("rain"))
    assert list(tmp_path.iterdir()) == [tmp_path / "bank.json"]


def test_generated_banks_favour_no_class_and_repeat() -> None:
    made = descriptions.generate(["dog", "rain"], count=50)
    assert [text.replace("dog", "rain") for text in made.of("dog")] == list(made.of("rain"))
    assert made.texts == descriptions.generate(["dog", "rain"], count=50).texts
    assert descriptions.generate(["dog", "rain"], count=10).of("dog") == made.of("dog")[:10]
    with pytest.raises(InputError, match="wanted 1 to 60"):
        descriptions.generate(["dog"], count=61)


def test_a_text_said_twice_counts_once() -> None:
    assert DescriptionSet({"dog": ("a dog", "a dog", "dogs")}).of("dog") == ("a dog", "dogs")


BAD_BANKS = {
    "text": "no json",
    "list": '["dog"]',
    "empty": "{}",
    "no list": '{"dog": "a dog"}',
    "no text": '{"dog": [1]}',
    "blank": '{"dog": [" "]}',
    "none": '{"dog": []}',
    "double": '{"dog": ["a"], "dog": ["b"]}',
    "two spellings": '{"dog_bark": ["a"], "Dog bark": ["b"]}',
    "long": json.dumps({"dog": ["x" * 1001]}),
    "many": json.dumps({"dog": [str(number) for number in range(201)]}),
    "no label": '{" ": ["a"]}',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("case", BAD_BANKS)
def test_banks_that_are_none_are_refused(case: str, tmp_path: Path) -> None:
    (tmp_path / "bank.json").write_text(BAD_BANKS[case])
    with pytest.raises(InputError, match=r"bank\.json.*wanted"):
        descriptions.read(tmp_path / "bank.json")


def test_files_that_are_too_large_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_file, "MAX_BYTES", 10)
    (tmp_path / "bank.json").write_text('{"dog": ["a dog"]}')
    with pytest.raises(InputError, match="has over 10 bytes"):
        descriptions.read(tmp_path / "bank.json")
    with pytest.raises(InputError, match="cannot be read"):
        descriptions.read(tmp_path)


def test_attributes_are_read_with_their_signs(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"church_bells": {"metallic": 1, "low pitched": -0.5}}')
    assert attributes.read(tmp_path / "a.json").of("Church bells") == {"metallic": 1, "low pitched": -0.5}


def test_shipped_attributes_describe_every_class_of_esc50() -> None:
    found = attributes.shipped("esc50")
    assert set(found.weights) == set(prompts.load_class_names("esc50").names)
    assert len({tuple(sorted(weights.items())) for weights in found.weights.values()}) == 50
    with pytest.raises(InputError, match="wanted one of esc50"):
        attributes.shipped("other")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {}}',
        '{"a": {"x": 0}}',
        '{"a": {"x": NaN}}',
        '{"a": {"x": 1e999}}',
        '{"a": {"x": "1"}}',
        '{"a": {"x": true}}',
        '{"a": {" ": 1}}',
        '{"a": ["x"]}',
        '{"a": {"x": 1, "x": 2}}',
        json.dumps({"a": {"x": 10**400}}),
    ],
)
def test_attributes_that_are_none_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json.*wanted"):
        attributes.read(tmp_path / "a.json")


def test_two_spellings_are_one_label() -> None:
    with pytest.raises(InputError, match="are the same label"):
        Attributes({"a_b": {"x": 1}, "A b": {"x": 1}})


def test_letters_are_the_same_however_they_are_composed() -> None:
    with pytest.raises(InputError, match="are the same label"):
        DescriptionSet({"Zaunk\u00f6nig": ("a wren",), "Zaunko\u0308nig": ("a wren",)})
