"""Labels as text: what a person types, and the joined labels of a table's cell."""

from __future__ import annotations

import pytest

from auricle.core.errors import InputError
from auricle.listen.vocabulary import SEPARATOR, split_labels, split_tags


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
