"""Order of events: the true caption of a clip against the same caption with its events in the other order.

Convention: a clip has captions of the style "original", which are true, and as many of the style "swapped", which name the same events in
the wrong order, pair by pair. A pair is right where the true caption has the higher cosine; a tie (to rounding) counts one half. Chance is
one half: a model that recognises the sounds but not their order scores that, and a text tower that averages its words exactly that. After
the zero-shot temporal evaluation of TeminAL; its tasks are not published, so these are our own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import EvaluationInput
from auricle.core.errors import InputError
from auricle.listen import textcache
from auricle.metrics.resampled import Metric, Row, mean

_SWAPPED = "swapped"
_TIE = 1e-6  # of cosines in float32


def run(inputs: EvaluationInput) -> list[Row]:
    """A row per pair of captions: the margin of the true one."""
    pairs: list[tuple[int, int, str, str]] = []
    for number, item in enumerate(inputs.items):
        true = [one.text for one in item.captions if one.style == inputs.suite.style]
        swapped = [one.text for one in item.captions if one.style == _SWAPPED]
        if not true or len(true) != len(swapped):
            raise InputError(
                f"clip {item.id!r} has {len(true)} captions of style {inputs.suite.style!r} and {len(swapped)} of {_SWAPPED!r}; "
                "wanted as many of both, pair by pair"
            )
        pairs += [(number, index, *pair) for index, pair in enumerate(zip(true, swapped, strict=True))]
    texts = [text for pair in pairs for text in pair[2:]]
    vectors = textcache.embed_cached(texts, inputs.listener.embed_text, fingerprint=inputs.listener.fingerprint).reshape(len(pairs), 2, -1)
    groups = suites.groups(inputs.items)
    rows: list[Row] = []
    for (number, index, *_), both in zip(pairs, vectors, strict=True):
        cosines = both.astype(np.float64) @ inputs.embeddings[number].mean("words")
        margin = float(cosines[0] - cosines[1])
        score = 0.5 if abs(margin) < _TIE else float(margin > 0)
        rows.append({"id": f"{inputs.items[number].id}#{index}", "group": groups[number], "margin": round(margin, 6), "right": score})
    return rows


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Accuracy over all pairs."""
    return {"accuracy": mean(rows, "right")}
