"""The words recipe: company is found by stems, descriptions by name or by a name's parts, and the lexicon is whole."""

from __future__ import annotations

from collections import Counter

import pytest

torch = pytest.importorskip("torch")

from recipes.tiny import text_tower  # noqa: E402


def test_company_is_the_mean_of_the_sentences_that_hold_the_name() -> None:
    sentences = ["a dog barks"] * 3 + ["rain falls"] * 3 + ["dogs bark in the rain"] * 3
    vectors = torch.eye(3).repeat_interleave(3, dim=0)
    context = text_tower.ContextVectors(sentences, vectors)
    assert torch.allclose(context.of("barking dogs"), torch.tensor([0.5, 0, 0.5]).sqrt())
    assert torch.allclose(context.of("the sound of rain"), torch.tensor([0, 0.5, 0.5]).sqrt())
    assert not context.of("piano").any()
    rare = context.of("falling barks")  # no sentence holds both: each word's own, the rarer one first
    assert rare[1] > rare[0] > 0


def test_a_name_lies_on_its_own_axes_or_on_those_of_its_words() -> None:
    lexicon = {"rain": ["water", "noise"], "knock": ["wood", "short"], "tin roof": ["metal", "noise"]}
    attributes = text_tower.AttributeVectors(lexicon)

    def on(text: str) -> set[str]:
        return {attributes.words[column] for column in attributes.of(text).nonzero().flatten().tolist()}

    assert on("rain") == {"water", "noise"}
    assert on("door knocks") == {"wood", "short"}
    assert on("the sound of tin roof") == {"metal", "noise"}
    assert on("short noises in the rain") == {"short", "noise", "water"}
    assert on("violin") == set() and not attributes.of("violin").any()
    rain = attributes.of("rain")
    assert rain[attributes.words.index("water")] > rain[attributes.words.index("noise")] > 0  # what fewer sounds share says more
    assert rain.norm().item() == pytest.approx(1.0)


def test_targets_are_unit_and_hold_meaning_and_axes_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    sentences, names = ["a dog barks"] * 3 + ["rain falls"] * 3, ["dog", "rain", "violin", "short", "harsh", "water", "noise"]
    vectors = torch.nn.functional.normalize(torch.randn(13, 384, generator=generator), dim=-1)
    lexicon = {"dog": ["short", "harsh"], "rain": ["water", "noise"]}
    found = text_tower.targets(sentences, names, vectors, lexicon, text_tower.Run())
    assert found.shape == (13, 384 + 4)
    assert torch.allclose(found.norm(dim=1), torch.ones(13))
    assert found[6, 384:].norm().item() == pytest.approx(0.5**0.5)
    assert not found[8, 384:].any()  # the lexicon is silent about violins
    assert text_tower.targets(sentences, names, vectors, {}, text_tower.Run()).shape == (13, 384)


def test_the_lexicon_is_whole() -> None:
    lines = [line for line in text_tower.LEXICON.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    lexicon = text_tower.read_lexicon(text_tower.LEXICON)
    assert len(lexicon) == len(lines), "a name stands twice"
    assert all(len(said) >= 2 and len(set(said)) == len(said) for said in lexicon.values())
    assert all(name == name.lower() for name in lexicon)
    once = [word for word, times in Counter(word for said in lexicon.values() for word in said).items() if times == 1]
    assert len(once) < 60  # words that describe a single sound tie it to no other
