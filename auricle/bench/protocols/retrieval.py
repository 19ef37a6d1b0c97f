"""Which clip fits this caption, and which captions fit this clip?

Convention: every caption of a clip is a query of its own and has one right answer, the clip; every clip is a query whose right answers are
all of its captions, of which the best ranked counts for R@k (five captions a clip in Clotho and AudioCaps' test). What ties with a right
answer is ranked before it. Captions of one style are used; a clip without one is no query but is among the answers.

Metrics, of `text_to_audio` and `audio_to_text` each: `r1`, `r5`, `r10`; `map10` (over the smaller of ten and the right answers, as
auricle.metrics.retrieval has it); `median_rank` of the best right answer, from 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import Metric, Row, Trial, mean
from auricle.core.errors import InputError
from auricle.listen import textcache

_AT_ONCE = 256  # queries compared at a time: a large gallery never fills the memory
_KS = (1, 5, 10)
_WAYS = ("text_to_audio", "audio_to_text")


def run(trial: Trial) -> list[Row]:
    """A row a query: its way, the ranks of its right answers."""
    groups = suites.groups(trial.items)
    said = [[one.text for one in item.captions if one.style == trial.suite.style] for item in trial.items]
    owner = np.array([place for place, texts in enumerate(said) for _ in texts], dtype=np.intp)
    if not len(owner):
        raise InputError(f"no clip has a caption of style {trial.suite.style!r}; wanted captions to look for")
    captions = [text for texts in said for text in texts]
    words = textcache.embed_cached(captions, trial.listener.embed_text, fingerprint=trial.listener.fingerprint)
    sounds = np.stack([heard.mean("words") for heard in trial.heard])
    rows: list[Row] = []
    number = np.concatenate([np.arange(len(texts)) for texts in said])
    for place, found in enumerate(ranks(words, sounds, [np.array([one]) for one in owner])):
        item = trial.items[owner[place]]
        rows.append(_row(_WAYS[0], f"{item.id}#{number[place]}", groups[owner[place]], found))
    asking = [place for place, texts in enumerate(said) if texts]
    for place, found in zip(asking, ranks(sounds[asking], words, [np.flatnonzero(owner == place) for place in asking]), strict=True):
        rows.append(_row(_WAYS[1], trial.items[place].id, groups[place], found))
    return rows


def ranks(queries: np.ndarray, answers: np.ndarray, right: Sequence[NDArray[np.intp]]) -> list[list[int]]:
    """Ranks from 1, rising, of each query's right answers among all. queries (Q, D), answers (A, D): unit vectors."""
    found: list[list[int]] = []
    for start in range(0, len(queries), _AT_ONCE):
        for cosines, places in zip(queries[start : start + _AT_ONCE] @ answers.T, right[start : start + _AT_ONCE], strict=True):
            own = -np.sort(-cosines[places])
            others = np.sort(np.delete(cosines, places))
            before = len(others) - np.searchsorted(others, own, side="left")  # what ties is before
            found.append([int(rank) for rank in before + np.arange(1, len(own) + 1)])
    return found


def _row(way: str, name: str, group: str, found: list[int]) -> Row:
    best = {f"r{k}": float(found[0] <= k) for k in _KS}
    precisions = [(place + 1) / rank for place, rank in enumerate(found) if rank <= 10]
    return {"id": f"{way}:{name}", "group": group, "way": way, "ranks": found, **best, "map10": sum(precisions) / min(10, len(found))}


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Of both ways."""
    found: dict[str, Metric] = {}
    for way in _WAYS:
        there = [row | {"best": row["ranks"][0]} if row["way"] == way else {} for row in rows]
        for name in (*(f"r{k}" for k in _KS), "map10"):
            found[f"{way}_{name}"] = mean(there, name)
        found[f"{way}_median_rank"] = _median(there)
    return found


def _median(rows: Sequence[Row]) -> Metric:
    places = np.array([place for place, row in enumerate(rows) if row], dtype=np.intp)
    best = np.array([row.get("best", 0) for row in rows], dtype=np.float64)
    return Metric(places, lambda chosen: float(np.median(best[chosen])), smaller=True)
