"""Base forms of English words, and what is read as a noun or as a verb."""

from __future__ import annotations

import pytest

from auricle.listen import english


@pytest.mark.parametrize(
    ("one", "many"),
    [
        *(("dog", "dogs"), ("bus", "buses"), ("horse", "horses"), ("fly", "flies"), ("echo", "echoes"), ("shoe", "shoes")),
        *(("mouse", "mice"), ("glass", "glasses"), ("wolf", "wolves"), ("church", "churches"), ("wave", "waves"), ("canoe", "canoes")),
        *(("baby", "babies"), ("key", "keys"), ("noise", "noises"), ("box", "boxes"), ("child", "children"), ("breeze", "breezes")),
    ],
)
def test_plurals(one: str, many: str) -> None:
    assert english.noun_base(one) == english.noun_base(many)


@pytest.mark.parametrize(
    ("word", "other"), [("plan", "plane"), ("car", "care"), ("rat", "rate"), ("train", "training"), ("crow", "crowing")]
)
def test_other_words_have_other_base_forms(word: str, other: str) -> None:
    assert english.noun_base(word) != english.noun_base(other)


@pytest.mark.parametrize(
    "forms",
    [
        *("bark barks barking barked", "tap taps tapping tapped", "type types typing typed", "cry cries crying cried", "hum hums humming"),
        *("ring rings ringing rang", "whistle whistles whistling whistled", "snore snoring snored", "splash splashes splashing", "go goes"),
        *("sing sang sung singing", "break broke broken breaking", "open opens opening opened", "sneeze sneezes sneezed", "yap yapping"),
    ],
)
def test_forms_of_verbs(forms: str) -> None:
    read = [english.read_words(f"they {form}")[-1] for form in forms.split()]
    assert len({word.verb for word in read}) == 1


def test_tap_is_no_tape_and_fill_is_no_file() -> None:
    assert len({english.verb_key(word) for word in ("tapping", "taping", "filling", "filing")}) == 4


@pytest.mark.parametrize(
    ("phrase", "word", "verb"),
    [
        ("a dog barks", "barks", True),
        ("barks of a dog", "barks", False),
        ("dogs bark", "bark", True),
        ("a bark", "bark", False),
        ("it barks", "barks", True),
        ("a glass broken", "broken", True),
        ("a broken glass", "broken", False),
        ("glass was broken", "broken", True),
        ("barking", "barking", True),
    ],
)
def test_where_a_word_is_a_verb(phrase: str, word: str, verb: bool) -> None:
    (read,) = [each for each in english.read_words(phrase) if each.text == word]
    assert (read.verb is not None) == verb


def test_names_have_the_order_of_a_compound() -> None:
    assert english.read_name("bells of a church") == english.read_name("church bells") == english.read_name("church bell")
    assert english.read_name("engine fire") != english.read_name("fire engine")
    assert english.read_name(english.plain_text("tone, low")) == english.read_name("low tone")


def test_text_is_read_in_any_spelling() -> None:
    assert english.plain_text("  Hi-Hat_CLOSED\u2019s &\tCafe\u0301!") == "hi hat closed's and caf\u00e9"
    assert english.without_place("frogs in a pond at night") == "frogs in a pond" and english.without_place("frogs") is None
