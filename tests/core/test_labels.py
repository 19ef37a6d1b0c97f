"""Labels as text: what a person types on the command line, and what a cell of a table has."""

from __future__ import annotations

import pytest

from auricle.core.errors import InputError
from auricle.core.labels import label_key, parse_labels, split_labels


def test_spellings_of_one_label_have_one_key() -> None:
    assert label_key("Zaunk\u00f6nig") == label_key("zaunko\u0308nig") == "zaunk\u00f6nig"
    assert label_key("Church_bells") == label_key(" church  bells ") == "church bells"


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


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        (["a door, then steps", "rain"], ["a door, then steps", "rain"]),
        ('["a door, then steps", "rain"]', ["a door, then steps", "rain"]),
        ('"a door, then steps", rain', ["a door, then steps", "rain"]),
        ("rain", ["rain"]),
        ("Gunshot, gunfire", ["Gunshot, gunfire"]),
        ([], []),
    ],
)
def test_a_cell_has_a_list_or_text_with_commas(cell: object, labels: list[str]) -> None:
    assert parse_labels(cell) == labels


@pytest.mark.parametrize("cell", [3, {"a": 1}, [3], "[3]", '["a"', "dog,,cat", '"dog'])
def test_a_cell_of_another_kind_is_refused(cell: object) -> None:
    with pytest.raises(InputError, match=r"wanted|not valid JSON"):
        parse_labels(cell)
