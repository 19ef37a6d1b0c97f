"""Description sets: several texts per label, from any generator, whose embeddings are averaged in place of one prompt's.

The format is a JSON object {label: [text, ...]}, which also suits the prompts of ReCLAP (Ghosh et al., "Improving Zero Shot
Audio Classification by Describing Sounds": descriptions of a sound, then captions of scenes with it, up to 50 per label). ReCLAP's come
from a language model; `generate` makes them by rule.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.core.files import write_text
from auricle.core.labels import label_key
from auricle.data.prompts import LabelCleaning, label_file

MAX_TEXTS = 200  # of one label
_EXPECTED = 'a JSON object such as {"dog": ["a dog barks in a yard"]}'
_SCENES = Path(__file__).resolve().parent / "scenes.json"


@dataclasses.dataclass(frozen=True, eq=False)
class DescriptionSet:
    """Texts by label, without repetitions."""

    texts: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        label_file.check_labels(self.texts, what="the description set")
        for label, texts in self.texts.items():
            _check(label, texts)
        object.__setattr__(self, "texts", {label: tuple(dict.fromkeys(texts)) for label, texts in self.texts.items()})

    def of(self, label: str) -> tuple[str, ...]:
        """The texts of a label, matched by `label_key`; empty for an unknown label."""
        return self._by_key.get(label_key(label), ())

    @functools.cached_property
    def _by_key(self) -> dict[str, tuple[str, ...]]:
        return {label_key(label): texts for label, texts in self.texts.items()}

    def write(self, path: str | Path) -> None:
        """Write the JSON file, whole or not at all. WriteError where it cannot be written."""
        write_text(path, json.dumps(self.texts, ensure_ascii=False, indent=1) + "\n")


def read(path: str | Path) -> DescriptionSet:
    """Read a description set from a JSON file. InputError names the first fault."""
    found = label_file.read(path, wanted=_EXPECTED)
    for label, texts in found.items():
        if not isinstance(texts, list):
            raise InputError(f"{path}: {label[:60]!r} has a {type(texts).__name__}; wanted a list of texts, as in {_EXPECTED[14:]}")
    try:
        return DescriptionSet(found)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def generate(labels: Sequence[str], *, scenes: Sequence[str] | None = None, count: int = 10) -> DescriptionSet:
    """Generate `count` texts per label by rule: a few patterns with the label, combined with scenes ("in a quiet room").

    scenes: None: those of scenes.json. All labels get the same patterns and scenes in the same order, so that these add the same to all
    embeddings. Deterministic. InputError where count is not between 1 and the number of combinations.
    """
    rules = _rules()
    combinations = _combinations(rules["patterns"], rules["scenes"] if scenes is None else scenes)
    if not 1 <= count <= min(MAX_TEXTS, len(combinations)):
        raise InputError(f"count is {count}; wanted 1 to {min(MAX_TEXTS, len(combinations))}, the number of combinations")
    words = {label: LabelCleaning()(label) for label in labels}
    return DescriptionSet(
        {
            label: tuple(pattern.replace("{scene}", scene).replace("{label}", word) for pattern, scene in combinations[:count])
            for label, word in words.items()
        }
    )


def _combinations(patterns: Sequence[str], scenes: Sequence[str]) -> list[tuple[str, str]]:
    """Every pattern with every scene, ordered so that the first ones differ in both."""
    return [(pattern, scenes[(place + shift) % len(scenes)]) for shift in range(len(scenes)) for place, pattern in enumerate(patterns)]


@functools.cache
def _rules() -> dict[str, Any]:
    rules: dict[str, Any] = json.loads(_SCENES.read_bytes())
    return rules


def _check(label: str, texts: Sequence[object]) -> None:
    if not 1 <= len(texts) <= MAX_TEXTS:
        raise InputError(f"{label[:60]!r} has {len(texts)} texts; wanted 1 to {MAX_TEXTS}")
    for text in texts:
        if not isinstance(text, str) or not text.strip() or len(text) > label_file.MAX_LETTERS:
            raise InputError(f"{label[:60]!r}: {str(text)[:60]!r} is not usable; wanted a text of 1 to {label_file.MAX_LETTERS} letters")
