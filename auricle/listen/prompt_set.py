"""Prompt sets: the texts of each label, and the weights (K, D) of the zero-shot classifier that they make.

A label has up to three parts: the templates of a protocol, the descriptions of a bank, and weighted attributes. The vector of a part is the
mean of the unit vectors of its texts (for attributes, their weighted sum); the vector of the label is the weighted mean of its parts.
Averaging the unit vectors of several prompts is prompt ensembling (Radford et al., ICML 2021, section 3.1.4); averaging those of
descriptions is ReCLAP (Ghosh et al., "Improving Zero Shot Audio Classification by Describing Sounds").
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from auricle.core.arguments import check
from auricle.core.errors import InputError
from auricle.data import prompts
from auricle.data.prompts import PromptProtocol, descriptions
from auricle.data.prompts import attributes as attribute_file
from auricle.data.prompts.attributes import Attributes
from auricle.data.prompts.descriptions import DescriptionSet
from auricle.listen.scores import unit
from auricle.listen.textcache import Embed

#: Cosine from which two labels count as the same to a model.
SAME = 0.99999


@dataclasses.dataclass(frozen=True)
class Mix:
    """Weights of the parts of a label (from 0; a part with weight 0 is not used; parts that a label does not have are ignored).

    combine: "vectors" gives each label one unit vector; "scores" gives the mean of the cosines with all its texts (for attributes, the
    weighted sum over the sum of absolute weights), so that texts that disagree give a low score. InputError for weights out of range.
    """

    prompt: float = 1.0
    bank: float = 1.0
    attributes: float = 1.0
    combine: Literal["vectors", "scores"] = "vectors"

    def __post_init__(self) -> None:
        weights = (self.prompt, self.bank, self.attributes)
        if not all(0 <= weight < np.inf for weight in weights) or not any(weights):
            raise InputError(f"the mix is {weights}; wanted weights of 0 or more, at least one above 0")


@dataclasses.dataclass(frozen=True, eq=False)
class PromptSet:
    """The texts that stand for labels: protocol (templates), descriptions and attributes, with the weights of these parts."""

    prompts: PromptProtocol
    bank: DescriptionSet | None = None
    attributes: Attributes | None = None
    mix: Mix = Mix()

    @property
    def name(self) -> str:
        """Name for result records: the protocol and the other parts in use."""
        parts = (
            (self.mix.prompt, self.prompts.name),
            (self.mix.bank, self.bank and "bank"),
            (self.mix.attributes, self.attributes and "attributes"),
        )
        name = " + ".join(str(part) for weight, part in parts if weight and part)
        return name if self.mix.combine == "vectors" else f"{name} (scores)"

    def describes(self, label: str) -> bool:
        """Whether a label has descriptions or attributes."""
        return bool((self.bank and self.bank.of(label)) or (self.attributes and self.attributes.of(label)))

    def parts(self, label: str) -> list[tuple[float, dict[str, float]]]:
        """The parts of a label: the weight of each, and its weights by text. InputError for a label without texts."""
        mix, parts = self.mix, []
        if mix.prompt:
            parts.append((mix.prompt, dict.fromkeys(self.prompts.texts(label), 1.0)))
        if mix.bank and self.bank and self.bank.of(label):
            parts.append((mix.bank, {self.prompts.clean(text): 1.0 for text in self.bank.of(label)}))
        if mix.attributes and self.attributes and self.attributes.of(label):
            parts.append((mix.attributes, {self.prompts.clean(text): weight for text, weight in self.attributes.of(label).items()}))
        if not parts:
            raise InputError(f"label {label!r} has no texts: the bank and attributes do not list it, and prompt has weight 0 in the mix")
        return parts

    def weights(self, labels: Sequence[str], embed: Embed) -> np.ndarray:
        """Classifier weights, float32 (K, D): their dot product with the unit vector of a recording is the evidence for each label.

        embed: function from texts to unit vectors (n, D). InputError for a label without texts, or whose texts cancel each other out.
        """
        labels_parts = [self.parts(label) for label in labels]
        texts = list(dict.fromkeys(text for parts in labels_parts for _, weights in parts for text in weights))
        vectors = dict(zip(texts, embed(texts).astype(np.float64), strict=True))
        rows = [np.sum([weight * self._part(weights, vectors) for weight, weights in parts], axis=0) for parts in labels_parts]
        if self.mix.combine == "vectors":
            return _units(rows, labels)
        totals = [sum(weight for weight, _ in parts) for parts in labels_parts]
        return np.asarray([row / total for row, total in zip(rows, totals, strict=True)], dtype=np.float32)

    def _part(self, weights: dict[str, float], vectors: dict[str, np.ndarray]) -> np.ndarray:
        summed = np.sum([weight * vectors[text] for text, weight in weights.items()], axis=0)
        size = np.linalg.norm(summed) if self.mix.combine == "vectors" else sum(map(abs, weights.values()))
        return np.asarray(summed / max(float(size), 1e-6))


def open_prompt_set(
    prompt: str | PromptProtocol,
    bank: str | Path | DescriptionSet | None = None,
    attributes: str | Path | Attributes | None = None,
    mix: Mix | None = None,
) -> PromptSet:
    """Open a prompt set. prompt: name of a protocol, template or path. bank, attributes: path of a JSON file. All may be opened objects."""
    check(prompt, (str, PromptProtocol), what="prompt", wanted="the name of a protocol, a template with {label}, or a path")
    check(bank, (str, os.PathLike, DescriptionSet, type(None)), what="bank", wanted="the path of a JSON file, or a DescriptionSet")
    check(attributes, (str, os.PathLike, Attributes, type(None)), what="attributes", wanted="the path of a JSON file, or Attributes")
    check(mix, (Mix, type(None)), what="mix", wanted="a Mix")
    return PromptSet(
        prompt if isinstance(prompt, PromptProtocol) else prompts.find_protocol(prompt),
        bank if bank is None or isinstance(bank, DescriptionSet) else descriptions.read(bank),
        attributes if attributes is None or isinstance(attributes, Attributes) else attribute_file.read(attributes),
        mix or Mix(),
    )


def find_duplicates(rows: np.ndarray) -> tuple[int, int] | None:
    """Indices of the first two rows of (K, D) with the same direction (cosine over SAME); None if all differ."""
    directions = unit(rows)
    pairs = np.argwhere(np.triu(directions @ directions.T, 1) > SAME)
    return (int(pairs[0][0]), int(pairs[0][1])) if len(pairs) else None


def _units(rows: Sequence[np.ndarray], labels: Sequence[str]) -> np.ndarray:
    for row, label in zip(rows, labels, strict=True):
        if np.linalg.norm(row) < 1e-6:
            raise InputError(f"the texts of label {label!r} cancel each other out; wanted texts or weights whose sum is not zero")
    return unit(np.asarray(rows, dtype=np.float32))
