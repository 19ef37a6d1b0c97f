"""Label hierarchy of AudioSet's ontology (auricle/ontology): ancestors of true labels, and scores of ancestors.

Convention: a true label adds its ancestors among the scored labels (FSD50K's tables have them already, AudioSet's do not, so both are
scored alike). An ancestor's score is at least the highest score of its descendants. A label with several parents adds all of them. Names
are compared without case, commas and underscores, so that FSD50K's `Vehicle_horn_and_car_horn_and_honking` is AudioSet's
`Vehicle horn, car horn, honking`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auricle.core.errors import InputError

_ONTOLOGY = Path(__file__).resolve().parent.parent / "ontology" / "audioset_ontology.json"


def normalise_name(name: str) -> str:
    """Normalise a name: lower case, without commas, underscores and "and"."""
    words = re.sub(r"[,_\s]+", " ", name.lower()).replace(" and ", " ")
    return " ".join(words.split())


@functools.cache
def descendants() -> dict[str, frozenset[str]]:
    """Normalised names of all descendants, by normalised name."""
    nodes = {node["id"]: node for node in json.loads(_ONTOLOGY.read_text(encoding="utf-8"))}

    @functools.cache
    def below(node: str) -> frozenset[str]:
        children = nodes[node]["child_ids"]
        return frozenset(normalise_name(nodes[child]["name"]) for child in children).union(*(below(child) for child in children))

    names: dict[str, frozenset[str]] = {}
    for node, entry in nodes.items():
        name = normalise_name(entry["name"])
        names[name] = names.get(name, frozenset()) | below(node)
    return names


def implication_matrix(labels: Sequence[str]) -> np.ndarray:
    """Which labels imply which, bool (K, K): [i, j] is True where j is i or its descendant. InputError for a name not in the ontology."""
    names = [normalise_name(label) for label in labels]
    unknown = [label for label, name in zip(labels, names, strict=True) if name not in descendants()]
    if unknown:
        raise InputError(f"label {unknown[0]!r} and {len(unknown) - 1} others are not in AudioSet's ontology; wanted names of it")
    below = [descendants()[name] for name in names]
    return np.array([[i == j or names[j] in below[i] for j in range(len(names))] for i in range(len(names))])


def add_ancestors(truth: np.ndarray, implies: np.ndarray) -> np.ndarray:
    """Truth bool (N, K) with the ancestors of true labels added. implies: (K, K), from `implication_matrix`."""
    return np.asarray((truth.astype(np.int64) @ implies.T.astype(np.int64)) > 0)


def propagate_scores(scores: np.ndarray, implies: np.ndarray) -> np.ndarray:
    """Scores (N, K), each raised to the highest score of its descendants. implies: (K, K), from `implication_matrix`."""
    return np.stack([scores[:, implied_by].max(axis=1) for implied_by in implies], axis=1)
