"""Text-to-audio and audio-to-text retrieval in a joint space.

Convention: a query and its candidates are vectors of one joint space; the score is their cosine, -1 to 1; equal scores keep the order of
the candidates. Metric: mAP at 10; also recall at 1, 5 and 10 (as in Oncescu et al., Interspeech 2021).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np

from auricle.core.errors import InputError


@dataclasses.dataclass(frozen=True)
class Hit:
    """One candidate and its cosine with the query."""

    name: str
    score: float


#: Names of the relevant candidates of one query.
Target: TypeAlias = Collection[str]


def encode(target: Target, names: Sequence[str]) -> np.ndarray:
    """Relevance of the candidates, float32 (B,): 1 for relevant ones. InputError for an unknown name."""
    indices = {name: index for index, name in enumerate(names)}
    unknown = sorted(set(target) - indices.keys())
    if unknown:
        raise InputError(f"{', '.join(map(repr, unknown))} not among the {len(indices)} candidates; wanted their names as given")
    row = np.zeros(len(indices), np.float32)
    row[[indices[name] for name in target]] = 1.0
    return row


def decode(scores: np.ndarray, names: Sequence[str], *, top: int | None = 10) -> tuple[Hit, ...]:
    """Cosines (B,) of one query to its `top` candidates, best first; None returns all. InputError for a wrong shape."""
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (len(names),):
        raise InputError(f"scores have shape {scores.shape} for {len(names)} candidates; wanted ({len(names)},)")
    order = np.argsort(-scores, kind="stable")[:top]
    return tuple(Hit(names[index], float(scores[index])) for index in order)


def measure(targets: Sequence[Target], scores: Sequence[np.ndarray], names: Sequence[str]) -> float:
    """mAP at 10 of cosines (B,) of several queries."""
    from auricle.metrics.retrieval import evaluate

    return evaluate(np.stack([encode(target, names) for target in targets]) > 0, np.stack(scores))["map10"]
