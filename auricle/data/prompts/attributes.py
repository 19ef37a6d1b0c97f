"""Weighted attributes of classes: short texts that describe a sound, with positive or negative weights.

The format is a JSON object {label: {text: weight}}, such as {"flute": {"high pitched": 1, "noisy": -0.5}}. `auricle.listen.prompt_set`
combines their text embeddings.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path

from auricle.core.errors import InputError
from auricle.core.labels import label_key
from auricle.data.prompts import label_file

MAX_ATTRIBUTES = 200  # of one label
MAX_WEIGHT = 1000
_EXPECTED = 'a JSON object such as {"flute": {"high pitched": 1, "noisy": -0.5}}'
_FOLDER = Path(__file__).resolve().parent / "sounds_like"


@dataclasses.dataclass(frozen=True, eq=False)
class Attributes:
    """Weights by label and attribute. A negative weight means that the attribute does not apply to the sound."""

    weights: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        label_file.check_labels(self.weights, what="the attributes")
        for label, weights in self.weights.items():
            _check(label, weights)

    def of(self, label: str) -> Mapping[str, float]:
        """Weights by attribute of a label, matched by `label_key`; empty for an unknown label."""
        return self._by_key.get(label_key(label), {})

    @functools.cached_property
    def _by_key(self) -> dict[str, Mapping[str, float]]:
        return {label_key(label): weights for label, weights in self.weights.items()}


def read(path: str | Path) -> Attributes:
    """Read attributes from a JSON file. InputError names the first fault."""
    found = label_file.read(path, wanted=_EXPECTED)
    for label, weights in found.items():
        if not isinstance(weights, dict):
            raise InputError(f"{path}: {label[:60]!r} has a {type(weights).__name__}; wanted words with weights, as in {_EXPECTED[14:]}")
    try:
        return Attributes(found)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def shipped(name: str) -> Attributes:
    """Load the attributes that come with auricle for a corpus; written from general knowledge, not from its recordings."""
    known = sorted(path.stem for path in _FOLDER.glob("*.json"))
    if name not in known:
        raise InputError(f"no attributes {name!r}; wanted one of {', '.join(known)}, or the path of a JSON file")
    return read(_FOLDER / f"{name}.json")


def _check(label: str, weights: Mapping[str, object]) -> None:
    if not 1 <= len(weights) <= MAX_ATTRIBUTES:
        raise InputError(f"{label[:60]!r} has {len(weights)} attributes; wanted 1 to {MAX_ATTRIBUTES}")
    for words, weight in weights.items():
        if not words.strip() or len(words) > label_file.MAX_LETTERS:
            raise InputError(f"{label[:60]!r}: attribute {words[:60]!r} is empty or too long; wanted words, such as 'high pitched'")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not -MAX_WEIGHT <= weight <= MAX_WEIGHT:  # false for NaN
            shown = repr(weight)[:20]
            raise InputError(f"{label[:60]!r}: {words!r} has weight {shown}; wanted -{MAX_WEIGHT} to {MAX_WEIGHT}")
    if not any(weights.values()):
        raise InputError(f"{label[:60]!r}: all its weights are zero; wanted one that is not")
