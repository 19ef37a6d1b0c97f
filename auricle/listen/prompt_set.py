"""Classes as rows of text vectors: what is said of each label in, the weights (K, D) of a zero-shot head out.

A label may be said in three ways: in the sentences of a protocol, in the descriptions of a bank, and by attributes with weights. Each way
makes a part, the mean of its texts' unit vectors (of attributes, the sum by weight); the class is the mean of its parts. Averaging unit
vectors of several texts is prompt ensembling (Radford et al., ICML 2021, section 3.1.4), of
descriptions ReCLAP (Ghosh et al., "Improving Zero Shot Audio Classification by Describing Sounds").
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
from auricle.data.prompts import attributes as described
from auricle.data.prompts.attributes import Attributes
from auricle.data.prompts.descriptions import DescriptionSet
from auricle.listen.scores import unit
from auricle.listen.textcache import Embed

#: Cosine from which two classes are the same to a model.
SAME = 0.99999


@dataclasses.dataclass(frozen=True)
class Mix:
    """How much each way of saying a label counts, of those that there are; zero leaves one out.

    combine: "vectors" gives each class one unit vector; "scores" gives the mean of the cosines with all its texts (of attributes, the
    combination by their weights, over the sum of their sizes), so that texts that disagree make for a low score.
    """

    prompt: float = 1.0
    bank: float = 1.0
    attributes: float = 1.0
    combine: Literal["vectors", "scores"] = "vectors"

    def __post_init__(self) -> None:
        shares = (self.prompt, self.bank, self.attributes)
        if not all(0 <= share < np.inf for share in shares) or not any(shares):
            raise InputError(f"the mix is {shares}; wanted shares from 0 on, one of them over it")


@dataclasses.dataclass(frozen=True, eq=False)
class PromptSet:
    """What is said of labels."""

    prompts: PromptProtocol
    bank: DescriptionSet | None = None
    attributes: Attributes | None = None
    mix: Mix = Mix()

    @property
    def name(self) -> str:
        """What tells this wording from others, for records of scores: the protocol, and what came to it."""
        ways = (
            (self.mix.prompt, self.prompts.name),
            (self.mix.bank, self.bank and "bank"),
            (self.mix.attributes, self.attributes and "attributes"),
        )
        told = " + ".join(str(way) for share, way in ways if share and way)
        return told if self.mix.combine == "vectors" else f"{told} (scores)"

    def describes(self, label: str) -> bool:
        """Whether a label has descriptions or attributes, besides the label itself."""
        return bool((self.bank and self.bank.of(label)) or (self.attributes and self.attributes.of(label)))

    def parts(self, label: str) -> list[tuple[float, dict[str, float]]]:
        """Each way of saying a label: its share, and weights by text. InputError where nothing is said of it."""
        mix, said = self.mix, []
        if mix.prompt:
            said.append((mix.prompt, dict.fromkeys(self.prompts.texts(label), 1.0)))
        if mix.bank and self.bank and self.bank.of(label):
            said.append((mix.bank, {self.prompts.clean(text): 1.0 for text in self.bank.of(label)}))
        if mix.attributes and self.attributes and self.attributes.of(label):
            said.append((mix.attributes, {self.prompts.clean(words): weight for words, weight in self.attributes.of(label).items()}))
        if not said:
            raise InputError(f"nothing is said of {label!r}: no bank or attributes know it, and the mix leaves the prompt out")
        return said

    def rows(self, labels: Sequence[str], embed: Embed) -> np.ndarray:
        """Weights float32 (K, D): the product with a sound's unit vector is the class's score. embed: texts to unit vectors (n, D)."""
        parts = [self.parts(label) for label in labels]
        texts = list(dict.fromkeys(text for said in parts for _, weights in said for text in weights))
        vectors = dict(zip(texts, embed(texts).astype(np.float64), strict=True))
        rows = [np.sum([share * self._part(weights, vectors) for share, weights in said], axis=0) for said in parts]
        if self.mix.combine == "vectors":
            return _units(rows, labels)
        totals = [sum(share for share, _ in said) for said in parts]
        return np.asarray([row / total for row, total in zip(rows, totals, strict=True)], dtype=np.float32)

    def _part(self, weights: dict[str, float], vectors: dict[str, np.ndarray]) -> np.ndarray:
        summed = np.sum([weight * vectors[text] for text, weight in weights.items()], axis=0)
        size = np.linalg.norm(summed) if self.mix.combine == "vectors" else sum(map(abs, weights.values()))
        return np.asarray(summed / max(float(size), 1e-6))


def opened(
    prompt: str | PromptProtocol,
    bank: str | Path | DescriptionSet | None = None,
    attributes: str | Path | Attributes | None = None,
    mix: Mix | None = None,
) -> PromptSet:
    """A prompt set from names and paths, or from what they name."""
    check(prompt, (str, PromptProtocol), what="prompt", wanted="a protocol's name, a sentence with {label}, or a path")
    check(bank, (str, os.PathLike, DescriptionSet, type(None)), what="bank", wanted="the path of a JSON file, or a DescriptionSet")
    check(attributes, (str, os.PathLike, Attributes, type(None)), what="attributes", wanted="the path of a JSON file, or Attributes")
    check(mix, (Mix, type(None)), what="mix", wanted="a Mix")
    return PromptSet(
        prompt if isinstance(prompt, PromptProtocol) else prompts.find_protocol(prompt),
        bank if bank is None or isinstance(bank, DescriptionSet) else descriptions.read(bank),
        attributes if attributes is None or isinstance(attributes, Attributes) else described.read(attributes),
        mix or Mix(),
    )


def alike(rows: np.ndarray) -> tuple[int, int] | None:
    """Two classes of rows (K, D) that are the same to the model, None where all differ."""
    directions = unit(rows)
    close = np.triu(directions @ directions.T, 1) > SAME
    places = np.argwhere(close)
    return (int(places[0][0]), int(places[0][1])) if len(places) else None


def _units(rows: Sequence[np.ndarray], labels: Sequence[str]) -> np.ndarray:
    for row, label in zip(rows, labels, strict=True):
        if np.linalg.norm(row) < 1e-6:
            raise InputError(f"what is said of {label!r} cancels itself out; wanted texts or weights that leave a direction")
    return unit(np.asarray(rows, dtype=np.float32))
