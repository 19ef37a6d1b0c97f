"""Labels in a tree: what a label implies, by AudioSet's ontology (auricle/ontology).

Convention: what is a dog is an animal. In the truth, a label brings its ancestors, as far as they are among the labels that are scored
(FSD50K's tables have them already, AudioSet's do not, and so both are scored alike). In scores, an ancestor has at least the greatest score
of its descendants. A name with several parents brings all of them. Names are compared without case, commas and underscores, so that
FSD50K's `Vehicle_horn_and_car_horn_and_honking` is AudioSet's `Vehicle horn, car horn, honking`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auricle.core.errors import InputError

_TREE = Path(__file__).resolve().parent.parent / "ontology" / "audioset_ontology.json"


def plain(name: str) -> str:
    """What all spellings of a name share."""
    words = re.sub(r"[,_\s]+", " ", name.lower()).replace(" and ", " ")
    return " ".join(words.split())


@functools.cache
def descendants() -> dict[str, frozenset[str]]:
    """Plain name -> the plain names of all that is below it."""
    nodes = {node["id"]: node for node in json.loads(_TREE.read_text(encoding="utf-8"))}

    @functools.cache
    def below(name: str) -> frozenset[str]:
        children = nodes[name]["child_ids"]
        return frozenset(plain(nodes[child]["name"]) for child in children).union(*(below(child) for child in children))

    found: dict[str, frozenset[str]] = {}
    for name, node in nodes.items():
        found[plain(node["name"])] = found.get(plain(node["name"]), frozenset()) | below(name)
    return found


def implied(labels: Sequence[str]) -> np.ndarray:
    """bool (K, K): [i, j] where label j implies label i, itself included. InputError for a name that the ontology lacks."""
    names = [plain(label) for label in labels]
    unknown = [label for label, name in zip(labels, names, strict=True) if name not in descendants()]
    if unknown:
        raise InputError(f"label {unknown[0]!r} and {len(unknown) - 1} others are not in AudioSet's ontology; wanted its names")
    below = [descendants()[name] for name in names]
    return np.array([[i == j or names[j] in below[i] for j in range(len(names))] for i in range(len(names))])


def closed(truth: np.ndarray, implies: np.ndarray) -> np.ndarray:
    """Truth bool (N, K) with the ancestors of what is true. implies: as `implied` tells it."""
    return np.asarray((truth.astype(np.int64) @ implies.T.astype(np.int64)) > 0)


def raised(scores: np.ndarray, implies: np.ndarray) -> np.ndarray:
    """Scores (N, K), each at least that of the greatest of its descendants."""
    return np.stack([scores[:, implied_by].max(axis=1) for implied_by in implies], axis=1)
