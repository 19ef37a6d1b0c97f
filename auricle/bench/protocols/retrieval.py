"""Retrieval in both directions between clips and captions.

Convention: every caption of a clip is a query with one correct answer, the clip; every clip is a query whose correct answers are all of its
captions, of which the best ranked counts for R@k (five captions per clip in Clotho and AudioCaps' test). A tie with a correct answer is
ranked before it. Captions of one style are used; a clip without one is not a query but is among the answers.

Metrics: those of auricle.tasks.retrieval.
"""

from __future__ import annotations

import numpy as np

from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import EvaluationInput
from auricle.core.errors import InputError
from auricle.listen import textcache
from auricle.metrics.resampled import Row
from auricle.metrics.retrieval import ranks, scores_of_ranks
from auricle.tasks.retrieval import WAYS


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
        rows.append(_row(WAYS[0], f"{inputs.items[clip].id}#{numbers[index]}", groups[clip], caption_ranks))
    queries = [number for number, own in enumerate(captions) if own]
    correct = [np.flatnonzero(clip_of_caption == number) for number in queries]
    for number, clip_ranks in zip(queries, ranks(clips[queries], texts, correct), strict=True):
        rows.append(_row(WAYS[1], inputs.items[number].id, groups[number], clip_ranks))
    return rows


def _row(way: str, name: str, group: str, ranks: list[int]) -> Row:
    return {"id": f"{way}:{name}", "group": group, "way": way, "ranks": ranks, **scores_of_ranks(ranks)}
