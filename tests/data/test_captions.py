from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from auricle.core.errors import InputError
from auricle.data.captions import LABELS, POLICIES, Policy, choose_caption, label_sentence
from auricle.data.item import Caption, Item

DRAWS = 4000


def item(*captions: Caption, labels: tuple[str, ...] = ()) -> Item:
    return Item("clip", Path("/a.wav"), captions=captions, labels=labels)


def shares(clip: Item, policy: Policy) -> dict[str, float]:
    rng = np.random.default_rng(0)
    return {text: count / DRAWS for text, count in Counter(choose_caption(clip, rng, policy) for _ in range(DRAWS)).items()}


A, B = Caption("a"), Caption("b", weight=3.0)
REWRITES = tuple(Caption(f"r{number}", style="rewritten") for number in range(3))


def test_all_alike_or_by_weight() -> None:
    assert shares(item(A, B), POLICIES["uniform"]) == pytest.approx({"a": 0.5, "b": 0.5}, abs=0.03)
    assert shares(item(A, B), POLICIES["weighted"]) == pytest.approx({"a": 0.25, "b": 0.75}, abs=0.03)


def test_forty_percent_original_and_sixty_one_random_rewrite() -> None:
    found = shares(item(A, *REWRITES), POLICIES["rewritten"])
    assert found == pytest.approx({"a": 0.4, "r0": 0.2, "r1": 0.2, "r2": 0.2}, abs=0.03)
    assert shares(item(A), POLICIES["rewritten"]) == {"a": 1.0}  # a style that a clip lacks is left out of the draw


def test_styles_alike_however_many_captions_each_has() -> None:
    assert shares(item(A, *REWRITES), POLICIES["styles"])["a"] == pytest.approx(0.5, abs=0.03)


def test_labels_become_sentences() -> None:
    clip = item(labels=("dog", "rain", "wind"))
    said = set(shares(clip, POLICIES["uniform"]))
    assert "the sound of rain, wind and dog" in said and "dog, wind and rain can be heard" in said
    assert label_sentence(("dog",), np.random.default_rng(0), ("hark: {labels}!",)) == "hark: dog!"
    mixed = Policy(by="style", shares={"original": 1.0, LABELS: 3.0}, templates=("{labels}",))
    assert shares(item(A, labels=("dog",)), mixed) == pytest.approx({"a": 0.25, "dog": 0.75}, abs=0.03)
    assert set(shares(item(A, labels=("dog",)), POLICIES["uniform"])) == {"a"}
    assert "a" not in shares(item(A, labels=("dog",)), POLICIES["labels"])


def test_the_same_generator_chooses_the_same() -> None:
    clip = item(A, B, *REWRITES, labels=("dog", "rain"))
    for policy in POLICIES.values():
        first, again = (
            [choose_caption(clip, rng, policy) for _ in range(20)] for rng in (np.random.default_rng(5), np.random.default_rng(5))
        )
        assert first == again


def test_nothing_to_choose_is_told() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="clip: the policy allows none of its captions"):
        choose_caption(item(), rng, POLICIES["uniform"])
    with pytest.raises(InputError, match="has captions of the styles spoken; the policy has shares for original, rewritten"):
        choose_caption(item(Caption("x", style="spoken")), rng, POLICIES["rewritten"])
    with pytest.raises(InputError, match="all its captions have weight 0"):
        choose_caption(item(Caption("x", weight=0.0)), rng, POLICIES["weighted"])
    with pytest.raises(ValidationError, match="0 times"):
        Policy(templates=("no place for a label",))
