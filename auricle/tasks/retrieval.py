"""Text-to-audio and audio-to-text retrieval in a joint space.

Convention: a query and its candidates are vectors of one joint space; the score is their cosine, -1 to 1; equal scores keep the order of
the candidates. Metric: mAP at 10; also recall at 1, 5 and 10 (as in Oncescu et al., Interspeech 2021).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from auricle.core.errors import InputError

if TYPE_CHECKING:
    from auricle.metrics.resampled import Metric, Row

#: Directions of a search, `way` in rows.
WAYS = ("text_to_audio", "audio_to_text")
_MEANS = ("r1", "r5", "r10", "map10")
#: Metrics of rows, of each direction: R@1, 5 and 10; mAP@10; the median rank of the best correct answer, from 1.
METRICS = tuple(f"{way}_{metric}" for way in WAYS for metric in (*_MEANS, "median_rank"))


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


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """METRICS of rows with `way`, `ranks` of the correct answers, rising, and `r1`, `r5`, `r10` and `map10`."""
    from auricle.metrics.resampled import mean, median

    result: dict[str, Metric] = {}
    for way in WAYS:
        own = [{**row, "best": row["ranks"][0]} if row["way"] == way else {} for row in rows]
        result |= {f"{way}_{name}": mean(own, name) for name in _MEANS}
        result[f"{way}_median_rank"] = median(own, "best", lower_is_better=True)
    return result
