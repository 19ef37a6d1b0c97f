"""Description banks: several texts a label, from any generator, that are embedded and averaged instead of one sentence.

The format is a JSON object {label: [text, ...]}, as the prompts of ReCLAP can be kept (Ghosh et al., "Improving Zero Shot
Audio Classification by Describing Sounds": descriptions of a sound, then captions of scenes with it, up to 50 a label). Theirs come
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
from auricle.data.prompts import Clean, key, label_file

TEXTS = 200  # the most of one label
_WANTED = 'a JSON object such as {"dog": ["a dog barks in a yard"]}'
_SCENES = Path(__file__).resolve().parent / "scenes.json"


@dataclasses.dataclass(frozen=True, eq=False)
class DescriptionSet:
    """Texts by label, each text of a label once."""

    texts: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        label_file.by_key(dict(self.texts), what="the bank")
        for label, texts in self.texts.items():
            _check(label, texts)
        object.__setattr__(self, "texts", {label: tuple(dict.fromkeys(texts)) for label, texts in self.texts.items()})

    def of(self, label: str) -> tuple[str, ...]:
        """What is said of a label, found with or without underscores and capitals; nothing where the bank does not know it."""
        return self._by_key.get(key(label), ())

    @functools.cached_property
    def _by_key(self) -> dict[str, tuple[str, ...]]:
        return {key(label): texts for label, texts in self.texts.items()}

    def write(self, path: str | Path) -> None:
        """Write the JSON file, whole or not at all. WriteError where it cannot be written."""
        write_text(path, json.dumps(self.texts, ensure_ascii=False, indent=1) + "\n")


def read(path: str | Path) -> DescriptionSet:
    """The bank of a JSON file; InputError says what is wrong with one that is none."""
    found = label_file.read(path, wanted=_WANTED)
    for label, texts in found.items():
        if not isinstance(texts, list):
            raise InputError(f"{path}: {label[:60]!r} has a {type(texts).__name__}; wanted a list of texts, as in {_WANTED[14:]}")
    try:
        return DescriptionSet(found)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def generate(labels: Sequence[str], *, scenes: Sequence[str] | None = None, count: int = 10) -> DescriptionSet:
    """A bank of `count` texts a label by rule: each of a few sentences with the label in each of some scenes ("in a quiet room").

    scenes: surroundings; by default those of scenes.json. All labels get the same ones, in the same order, so that what surroundings
    add to a vector is the same for all. Same call, same bank.
    """
    rules = _rules()
    frames = _pairs(rules["patterns"], rules["scenes"] if scenes is None else scenes)
    if not 1 <= count <= min(TEXTS, len(frames)):
        raise InputError(f"count is {count}; wanted 1 to {min(TEXTS, len(frames))}, as many as these scenes give")
    words = {label: Clean()(label) for label in labels}
    return DescriptionSet(
        {
            label: tuple(pattern.replace("{scene}", scene).replace("{label}", word) for pattern, scene in frames[:count])
            for label, word in words.items()
        }
    )


def _pairs(patterns: Sequence[str], scenes: Sequence[str]) -> list[tuple[str, str]]:
    """Every pattern with every scene, ordered so that the first few differ in both."""
    return [(pattern, scenes[(place + shift) % len(scenes)]) for shift in range(len(scenes)) for place, pattern in enumerate(patterns)]


@functools.cache
def _rules() -> dict[str, Any]:
    rules: dict[str, Any] = json.loads(_SCENES.read_bytes())
    return rules


def _check(label: str, texts: Sequence[object]) -> None:
    if not 1 <= len(texts) <= TEXTS:
        raise InputError(f"{label[:60]!r} has {len(texts)} texts; wanted 1 to {TEXTS}")
    for text in texts:
        if not isinstance(text, str) or not text.strip() or len(text) > label_file.LONGEST:
            raise InputError(f"{label[:60]!r}: {str(text)[:60]!r} is no text; wanted words, {label_file.LONGEST} letters at most")
