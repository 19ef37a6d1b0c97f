"""Caption sampling: policies that say which caption of a clip is used in a training step, and the function that draws it.

Sources: mixing of original and rewritten captions, ReCLAP (arXiv 2409.09213 and its code: 40 % original, 60 % one random rewrite);
sentences made of labels where there is no caption, LAION-CLAP (arXiv 2211.06687, "keyword-to-caption": by T5 there, by template here);
several caption styles per clip, CaptionStew (its mixing ratios are unverified; ours are equal).
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

#: The style of sentences made of a clip's labels.
LABELS = "labels"
_PLACEHOLDER = "{labels}"


class Policy(Strict):
    """How a caption is drawn.

    by: "caption", uniformly; "weight", in proportion to Caption.weight; "style", first a style, then one of its captions uniformly.
    shares: relative frequency of each style, on any scale; styles that a clip lacks are left out of the draw, and styles without a share
    are never drawn. Empty: all styles of the clip equally often. templates: sentences with {labels}, for clips with labels and no
    captions, and for the share of the style "labels" where there is one.
    """

    by: Literal["caption", "weight", "style"] = "caption"
    shares: Mapping[str, Annotated[Finite, Field(ge=0.0)]] = {}
    templates: tuple[str, ...] = ()

    @field_validator("templates")
    @classmethod
    def _has_one_placeholder(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        for template in templates:
            if template.count(_PLACEHOLDER) != 1:
                raise ValueError(f"template {template[:60]!r} contains {_PLACEHOLDER} {template.count(_PLACEHOLDER)} times; wanted it once")
        return templates


TEMPLATES = ("{labels}", "the sound of {labels}", "{labels} can be heard", "a recording of {labels}", "this is {labels}")
POLICIES: Mapping[str, Policy] = {
    "uniform": Policy(templates=TEMPLATES),
    "weighted": Policy(by="weight", templates=TEMPLATES),
    "rewritten": Policy(by="style", shares={"original": 0.4, "rewritten": 0.6}, templates=TEMPLATES),
    "styles": Policy(by="style", templates=TEMPLATES),
    "labels": Policy(by="style", shares={LABELS: 1.0}, templates=TEMPLATES),
}


def choose_caption(item: Item, rng: np.random.Generator, policy: Policy) -> str:
    """Draw one caption of the item by the policy. InputError where the policy allows none of its captions."""
    captions = _captions_of_drawn_style(item, rng, policy) if policy.by == "style" else item.captions
    if captions:
        return captions[_draw_index(rng, [caption.weight if policy.by == "weight" else 1.0 for caption in captions], item)].text
    if item.labels and policy.templates:
        return label_sentence(item.labels, rng, policy.templates)
    raise InputError(f"{item.id}: the policy allows none of its captions; wanted captions, or labels and templates to put them into")


def label_sentence(labels: Sequence[str], rng: np.random.Generator, templates: Sequence[str] = TEMPLATES) -> str:
    """Put the labels in random order into a random template: `the sound of rain, wind and thunder`."""
    words = [labels[int(index)] for index in rng.permutation(len(labels))]
    joined = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return templates[int(rng.integers(len(templates)))].replace(_PLACEHOLDER, joined)


def _captions_of_drawn_style(item: Item, rng: np.random.Generator, policy: Policy) -> Sequence[Caption]:
    """The captions of one style, drawn by the shares; none where that is the style of labels."""
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
    return styles[names[_draw_index(rng, [policy.shares.get(name, 1.0) for name in names], item)]]


def _draw_index(rng: np.random.Generator, weights: Sequence[float], item: Item) -> int:
    total = sum(weights)
    if not total > 0:
        raise InputError(f"{item.id}: all its captions have weight 0; give one of them a weight above 0")
    return int(rng.choice(len(weights), p=np.asarray(weights) / total))
