"""Classes described by attributes in words, each with a weight that says how much it is so, or how much it is not.

The format is a JSON object {label: {words: weight}}, such as {"flute": {"high pitched": 1, "noisy": -0.5}}. What it makes of the words'
vectors is in `auricle.listen.prompt_set`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path

from auricle.core.errors import InputError
from auricle.data.prompts import key, label_file

MOST = 200  # attributes of one label
LARGEST = 1000  # weight
_WANTED = 'a JSON object such as {"flute": {"high pitched": 1, "noisy": -0.5}}'
_HOME = Path(__file__).resolve().parent / "sounds_like"


@dataclasses.dataclass(frozen=True, eq=False)
class Attributes:
    """Weights by label and attribute. A weight below zero says that the sound is not so."""

    weights: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        label_file.by_key(dict(self.weights), what="the attributes")
        for label, weights in self.weights.items():
            _check(label, weights)

    def of(self, label: str) -> Mapping[str, float]:
        """Words and weights of a label, found with or without underscores and capitals; nothing where it is not described."""
        return self._by_key.get(key(label), {})

    @functools.cached_property
    def _by_key(self) -> dict[str, Mapping[str, float]]:
        return {key(label): weights for label, weights in self.weights.items()}


def read(path: str | Path) -> Attributes:
    """The attributes of a JSON file; InputError says what is wrong with one that has none."""
    found = label_file.read(path, wanted=_WANTED)
    for label, weights in found.items():
        if not isinstance(weights, dict):
            raise InputError(f"{path}: {label[:60]!r} has a {type(weights).__name__}; wanted words with weights, as in {_WANTED[14:]}")
    try:
        return Attributes(found)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def shipped(name: str) -> Attributes:
    """Attributes that come with auricle, by the name of a corpus: written from general knowledge, not from its recordings."""
    known = sorted(path.stem for path in _HOME.glob("*.json"))
    if name not in known:
        raise InputError(f"no attributes {name!r}; wanted one of {', '.join(known)}, or the path of a JSON file")
    return read(_HOME / f"{name}.json")


def _check(label: str, weights: Mapping[str, object]) -> None:
    if not 1 <= len(weights) <= MOST:
        raise InputError(f"{label[:60]!r} has {len(weights)} attributes; wanted 1 to {MOST}")
    for words, weight in weights.items():
        if not words.strip() or len(words) > label_file.LONGEST:
            raise InputError(f"{label[:60]!r}: attribute {words[:60]!r} is empty or too long; wanted words, such as 'high pitched'")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not -LARGEST <= weight <= LARGEST:  # NaN is neither
            told = repr(weight)[:20]
            raise InputError(f"{label[:60]!r}: {words!r} has weight {told}; wanted a number up to {LARGEST}, below zero for what it is not")
    if not any(weights.values()):
        raise InputError(f"{label[:60]!r}: all its weights are zero; wanted one that is not")
