"""The words recipe: company is found by stems, descriptions by name or by a name's parts, and the lexicon is whole."""

from __future__ import annotations

from collections import Counter

import pytest

torch = pytest.importorskip("torch")

from recipes import words  # noqa: E402


def test_company_is_the_mean_of_the_sentences_that_hold_the_name() -> None:
    sentences = ["a dog barks"] * 3 + ["rain falls"] * 3 + ["dogs bark in the rain"] * 3
    vectors = torch.eye(3).repeat_interleave(3, dim=0)
    company = words.Company(sentences, vectors)
    assert torch.allclose(company.of("barking dogs"), torch.tensor([0.5, 0, 0.5]).sqrt())
    assert torch.allclose(company.of("the sound of rain"), torch.tensor([0, 0.5, 0.5]).sqrt())
    assert not company.of("piano").any()
    rare = company.of("falling barks")  # no sentence holds both: each word's own, the rarer one first
    assert rare[1] > rare[0] > 0


def test_a_name_is_described_whole_or_by_its_parts() -> None:
    lexicon = {"rain": ["water", "noise"], "knock": ["wood", "short"], "tin roof": ["metal"]}
    axes = {word: torch.eye(5)[i] for i, word in enumerate(["water", "noise", "wood", "short", "metal"])}
    found = words.descriptions(["rain", "door knocks", "the sound of tin roof", "violin"], lexicon, axes)
    assert found[0].nonzero().flatten().tolist() == [0, 1]
    assert found[1].nonzero().flatten().tolist() == [2, 3]
    assert found[2].nonzero().flatten().tolist() == [4]
    assert not found[3].any()


def test_the_lexicon_is_whole() -> None:
    lines = [line for line in words.LEXICON.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    lexicon = words.read_lexicon(words.LEXICON)
    assert len(lexicon) == len(lines), "a name stands twice"
    assert all(len(said) >= 2 and len(set(said)) == len(said) for said in lexicon.values())
    assert all(name == name.lower() for name in lexicon)
    once = [word for word, times in Counter(word for said in lexicon.values() for word in said).items() if times == 1]
    assert len(once) < 60  # words that describe a single sound tie it to no other
