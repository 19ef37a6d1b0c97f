"""Retrieval in both directions between clips and captions.

Convention: every caption of a clip is a query with one correct answer, the clip; every clip is a query whose correct answers are all of its
captions, of which the best ranked counts for R@k (five captions per clip in Clotho and AudioCaps' test). A tie with a correct answer is
ranked before it. Captions of one style are used; a clip without one is not a query but is among the answers.

Metrics, for `text_to_audio` and `audio_to_text` each: `r1`, `r5`, `r10`; `map10` (over the smaller of ten and the correct answers,
as auricle.metrics.retrieval); `median_rank` of the best correct answer, from 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import EvaluationInput, Metric, Row, mean
from auricle.core.errors import InputError
from auricle.listen import textcache

_BLOCK = 256  # queries compared at once, which limits memory
_KS = (1, 5, 10)
_DIRECTIONS = ("text_to_audio", "audio_to_text")


def run(inputs: EvaluationInput) -> list[Row]:
    """A row per query: its direction (`way`), and the ranks of its correct answers."""
    groups = suites.groups(inputs.items)
    captions = [[one.text for one in item.captions if one.style == inputs.suite.style] for item in inputs.items]
    clip_of_caption = np.array([number for number, texts in enumerate(captions) for _ in texts], dtype=np.intp)
    if not len(clip_of_caption):
        raise InputError(f"no clip has a caption of style {inputs.suite.style!r}; wanted captions to search with")
    flat = [text for texts in captions for text in texts]
    texts = textcache.embed_cached(flat, inputs.listener.embed_text, fingerprint=inputs.listener.fingerprint)
    clips = np.stack([one.mean("words") for one in inputs.embeddings])
    rows: list[Row] = []
    numbers = np.concatenate([np.arange(len(own)) for own in captions])
    for index, caption_ranks in enumerate(ranks(texts, clips, [np.array([clip]) for clip in clip_of_caption])):
        clip = clip_of_caption[index]
        rows.append(_row(_DIRECTIONS[0], f"{inputs.items[clip].id}#{numbers[index]}", groups[clip], caption_ranks))
    queries = [number for number, own in enumerate(captions) if own]
    correct = [np.flatnonzero(clip_of_caption == number) for number in queries]
    for number, clip_ranks in zip(queries, ranks(clips[queries], texts, correct), strict=True):
        rows.append(_row(_DIRECTIONS[1], inputs.items[number].id, groups[number], clip_ranks))
    return rows


def ranks(queries: np.ndarray, answers: np.ndarray, correct: Sequence[NDArray[np.intp]]) -> list[list[int]]:
    """Ranks from 1, rising, of each query's correct answers among all. queries (Q, D), answers (A, D): unit vectors."""
    results: list[list[int]] = []
    for start in range(0, len(queries), _BLOCK):
        for cosines, indices in zip(queries[start : start + _BLOCK] @ answers.T, correct[start : start + _BLOCK], strict=True):
            own = -np.sort(-cosines[indices])
            others = np.sort(np.delete(cosines, indices))
            before = len(others) - np.searchsorted(others, own, side="left")  # ties are ranked before
            results.append([int(rank) for rank in before + np.arange(1, len(own) + 1)])
    return results


def _row(way: str, name: str, group: str, ranks: list[int]) -> Row:
    recalls = {f"r{k}": float(ranks[0] <= k) for k in _KS}
    precisions = [(index + 1) / rank for index, rank in enumerate(ranks) if rank <= 10]
    return {"id": f"{way}:{name}", "group": group, "way": way, "ranks": ranks, **recalls, "map10": sum(precisions) / min(10, len(ranks))}


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Metrics of both directions."""
    result: dict[str, Metric] = {}
    for way in _DIRECTIONS:
        own = [row | {"best": row["ranks"][0]} if row["way"] == way else {} for row in rows]
        for name in (*(f"r{k}" for k in _KS), "map10"):
            result[f"{way}_{name}"] = mean(own, name)
        result[f"{way}_median_rank"] = _median(own)
    return result


def _median(rows: Sequence[Row]) -> Metric:
    indices = np.array([index for index, row in enumerate(rows) if row], dtype=np.intp)
    best = np.array([row.get("best", 0) for row in rows], dtype=np.float64)
    return Metric(indices, lambda sample: float(np.median(best[sample])), lower_is_better=True)
