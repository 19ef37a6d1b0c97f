"""Which sentence of a clip is heard with it in a step of training: policies as data, and one function that chooses.

Sources: mixing of originals and rewrites, ReCLAP (arXiv 2409.09213 and its code: 40 % original, 60 % one random rewrite); sentences
from labels where nobody wrote one, LAION-CLAP (arXiv 2211.06687, "keyword-to-caption": theirs are made by T5, ours by template);
several styles of caption for one clip, CaptionStew (its own mixing ratios are unverified; ours are equal).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator

from auricle.core.config import Finite, Strict
from auricle.core.errors import InputError
from auricle.data.item import Caption, Item

#: The style of sentences that are made of a clip's labels.
LABELS = "labels"
_HOLE = "{labels}"


class Policy(Strict):
    """How a caption is chosen.

    by: "caption", all alike; "weight", by Caption.weight; "style", first a style and then one of its captions, all alike.
    shares: how often each style is chosen, any scale; styles that a clip lacks are left out of the draw, and styles without a share are
    never chosen. Empty: all styles of the clip alike. templates: sentences with {labels}, for clips that have labels and no captions, and
    for the share of the style "labels" where it has one.
    """

    by: Literal["caption", "weight", "style"] = "caption"
    shares: Mapping[str, Annotated[Finite, Field(ge=0.0)]] = {}
    templates: tuple[str, ...] = ()

    @field_validator("templates")
    @classmethod
    def _has_one_hole(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        for template in templates:
            if template.count(_HOLE) != 1:
                raise ValueError(f"template {template[:60]!r} has {template.count(_HOLE)} times {_HOLE}; wanted it once")
        return templates


TEMPLATES = ("{labels}", "the sound of {labels}", "{labels} can be heard", "a recording of {labels}", "this is {labels}")
POLICIES: Mapping[str, Policy] = {
    "uniform": Policy(templates=TEMPLATES),
    "weighted": Policy(by="weight", templates=TEMPLATES),
    "rewritten": Policy(by="style", shares={"original": 0.4, "rewritten": 0.6}, templates=TEMPLATES),
    "styles": Policy(by="style", templates=TEMPLATES),
    "labels": Policy(by="style", shares={LABELS: 1.0}, templates=TEMPLATES),
}


def choose(item: Item, rng: np.random.Generator, policy: Policy) -> str:
    """One sentence about the item. InputError where the policy has none for it."""
    captions = _style(item, rng, policy) if policy.by == "style" else item.captions
    if captions:
        return captions[_drawn(rng, [caption.weight if policy.by == "weight" else 1.0 for caption in captions], item)].text
    if item.labels and policy.templates:
        return sentence(item.labels, rng, policy.templates)
    raise InputError(f"{item.id}: has no caption that the policy may choose; wanted captions, or labels and templates to put them into")


def sentence(labels: Sequence[str], rng: np.random.Generator, templates: Sequence[str] = TEMPLATES) -> str:
    """A sentence of labels in random order: `the sound of rain, wind and thunder`."""
    words = [labels[int(place)] for place in rng.permutation(len(labels))]
    joined = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return templates[int(rng.integers(len(templates)))].replace(_HOLE, joined)


def _style(item: Item, rng: np.random.Generator, policy: Policy) -> Sequence[Caption]:
    """The captions of a style that is drawn by its share; none where that is the style of labels."""
    styles: dict[str, list[Caption]] = defaultdict(list)
    for caption in item.captions:
        styles[caption.style].append(caption)
    if item.labels and policy.templates and LABELS in policy.shares:
        styles[LABELS] = []
    names = [name for name in styles if not policy.shares or policy.shares.get(name, 0.0) > 0]
    if not names:
        if styles:
            raise InputError(
                f"{item.id}: has captions of the styles {', '.join(styles)}; the policy has shares for {', '.join(policy.shares)}"
            )
        return ()
    return styles[names[_drawn(rng, [policy.shares.get(name, 1.0) for name in names], item)]]


def _drawn(rng: np.random.Generator, weights: Sequence[float], item: Item) -> int:
    total = sum(weights)
    if not total > 0:
        raise InputError(f"{item.id}: all its captions have weight 0; give one of them more")
    return int(rng.choice(len(weights), p=np.asarray(weights) / total))
