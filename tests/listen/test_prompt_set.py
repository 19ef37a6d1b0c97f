"""Rows of a zero-shot head: means of unit vectors, checked by hand against a text tower whose vectors are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.data import prompts
from auricle.data.prompts.attributes import Attributes
from auricle.data.prompts.descriptions import DescriptionSet
from auricle.listen import prompt_set
from auricle.listen.prompt_set import Mix, PromptSet

#: What each text is: unit vectors of a plane.
TOWER = {"dog": 0.0, "a dog": 90.0, "woof": 45.0, "bark": 135.0, "high": 0.0, "low": 180.0, "harsh": 90.0, "cat": 200.0, "a cat": 210.0}
TWO = prompts.PromptProtocol(format=1, name="two", about="", source="", templates=("{label}", "a {label}"))
BARE = prompts.load_protocol("bare")


def at(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def embed(texts: Sequence[str]) -> np.ndarray:
    assert len(set(texts)) == len(texts), "a text is embedded once"
    return np.array([at(TOWER[text]) for text in texts], np.float32)


def row(said: PromptSet, label: str = "dog") -> np.ndarray:
    found = said.weights([label], embed)
    assert found.dtype == np.float32 and found.shape == (1, 2)
    return np.asarray(found[0])


CASES: dict[str, tuple[PromptSet, np.ndarray]] = {
    "one template is its text": (PromptSet(BARE), at(0)),
    "templates are averaged": (PromptSet(TWO), at(45)),
    "a bank alone": (PromptSet(TWO, DescriptionSet({"dog": ("woof", "bark")}), mix=Mix(prompt=0)), at(90)),
    "a bank beside templates counts as they do, however many texts": (PromptSet(BARE, DescriptionSet({"dog": ("woof", "bark")})), at(45)),
    "shares": (
        PromptSet(BARE, DescriptionSet({"dog": ("bark",)}), mix=Mix(bank=2)),
        (at(0) + 2 * at(135)) / np.linalg.norm(at(0) + 2 * at(135)),
    ),
    "a share of zero leaves out": (PromptSet(BARE, DescriptionSet({"dog": ("bark",)}), mix=Mix(bank=0)), at(0)),
    "a bank that does not know the label": (PromptSet(BARE, DescriptionSet({"cat": ("bark",)})), at(0)),
    "attributes": (PromptSet(BARE, attributes=Attributes({"dog": {"high": 1, "harsh": 1}}), mix=Mix(prompt=0)), at(45)),
    "signed": (PromptSet(BARE, attributes=Attributes({"dog": {"low": -1, "harsh": 1}}), mix=Mix(prompt=0)), at(45)),
    "weighted": (PromptSet(BARE, attributes=Attributes({"dog": {"high": 3, "harsh": 4}}), mix=Mix(prompt=0)), np.array([0.6, 0.8])),
    "scores of templates": (PromptSet(TWO, mix=Mix(combine="scores")), np.array([0.5, 0.5])),
    "scores of attributes": (
        PromptSet(BARE, attributes=Attributes({"dog": {"low": -1, "harsh": 3}}), mix=Mix(prompt=0, combine="scores")),
        np.array([0.25, 0.75]),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_rows_are_what_they_are_by_hand(case: str) -> None:
    said, expected = CASES[case]
    np.testing.assert_allclose(row(said), expected, atol=1e-6)


def test_scores_are_the_mean_of_cosines() -> None:
    said = PromptSet(TWO, DescriptionSet({"dog": ("woof",)}), Attributes({"dog": {"low": -1, "harsh": 3}}), Mix(1, 2, 1, combine="scores"))
    sound = at(70)
    by_hand = (np.mean([sound @ at(0), sound @ at(90)]) + 2 * sound @ at(45) + (3 * sound @ at(90) - sound @ at(180)) / 4) / 4
    assert sound @ row(said) == pytest.approx(by_hand, abs=1e-6)


def test_all_labels_are_embedded_at_once() -> None:
    asked: list[list[str]] = []

    def counted(texts: Sequence[str]) -> np.ndarray:
        asked.append(list(texts))
        return embed(texts)

    PromptSet(TWO, DescriptionSet({"dog": ("woof", "dog"), "cat": ("woof",)})).weights(["dog", "cat"], counted)
    assert asked == [["dog", "a dog", "woof", "cat", "a cat"]]


def test_names_tell_wordings_apart() -> None:
    told, sounds = DescriptionSet({"dog": ("woof",)}), Attributes({"dog": {"high": 1}})
    assert PromptSet(BARE).name == "bare"
    assert PromptSet(TWO, told, sounds).name == "two + bank + attributes"
    assert PromptSet(TWO, told, sounds, Mix(prompt=0, combine="scores")).name == "bank + attributes (scores)"


def test_what_says_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="label 'cat' has no texts"):
        PromptSet(BARE, DescriptionSet({"dog": ("woof",)}), mix=Mix(prompt=0)).weights(["cat"], embed)
    with pytest.raises(InputError, match="cancel each other out"):
        row(PromptSet(BARE, attributes=Attributes({"dog": {"high": 1, "low": 1}}), mix=Mix(prompt=0)))


@pytest.mark.parametrize("shares", [(0, 0, 0), (-1, 1, 1), (float("nan"), 1, 1), (float("inf"), 1, 1)])
def test_mixes_that_make_no_sense_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="wanted weights"):
        Mix(*shares)


def test_opened_takes_names_paths_and_what_they_name(tmp_path: Any) -> None:
    (tmp_path / "b.json").write_text('{"dog": ["woof"]}')
    (tmp_path / "a.json").write_text('{"dog": {"high": 1}}')
    said = prompt_set.open_prompt_set("msclap", tmp_path / "b.json", str(tmp_path / "a.json"))
    assert (said.prompts.name, said.name) == ("msclap", "msclap + bank + attributes")
    again = prompt_set.open_prompt_set(said.prompts, said.bank, said.attributes)
    assert again.parts("dog") == said.parts("dog")


def test_alike_finds_classes_that_are_one_to_the_model() -> None:
    assert prompt_set.find_duplicates(np.array([at(0), at(1), at(90)])) is None
    assert prompt_set.find_duplicates(np.array([at(0), at(90), 0.5 * at(0)])) == (0, 2)
