"""Does the model hear what comes first? The true caption against the same one with its events in the other order.

Convention: a clip has captions of the style "original", which are true, and as many of the style "swapped", which tell the same events in
the wrong order, pair by pair. A pair is right where the true one has the greater cosine; a tie (to rounding) is half right, as a guess is.
Chance is one half: what knows the sounds but not their order gets that, a text tower that adds up its words exactly that. After the
zero-shot temporal evaluation of TeminAL; its tasks are not published, the ones here are our own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auricle.bench import suite as suites
from auricle.bench.protocols.protocol import Metric, Row, Trial, mean
from auricle.core.errors import InputError
from auricle.listen import textcache

_SWAPPED = "swapped"
_TIE = 1e-6  # of cosines in float32


def run(trial: Trial) -> list[Row]:
    """A row a pair of captions: by how much the true one is nearer."""
    pairs: list[tuple[int, int, str, str]] = []
    for place, item in enumerate(trial.items):
        true = [one.text for one in item.captions if one.style == trial.suite.style]
        swapped = [one.text for one in item.captions if one.style == _SWAPPED]
        if not true or len(true) != len(swapped):
            raise InputError(
                f"clip {item.id!r} has {len(true)} captions of style {trial.suite.style!r} and {len(swapped)} of {_SWAPPED!r}; "
                "wanted as many of both, pair by pair"
            )
        pairs += [(place, number, *both) for number, both in enumerate(zip(true, swapped, strict=True))]
    texts = [text for pair in pairs for text in pair[2:]]
    words = textcache.embed_cached(texts, trial.listener.embed_text, fingerprint=trial.listener.fingerprint).reshape(len(pairs), 2, -1)
    groups = suites.groups(trial.items)
    rows: list[Row] = []
    for (place, number, *_), both in zip(pairs, words, strict=True):
        cosines = both.astype(np.float64) @ trial.heard[place].mean("words")
        margin = float(cosines[0] - cosines[1])
        score = 0.5 if abs(margin) < _TIE else float(margin > 0)
        rows.append({"id": f"{trial.items[place].id}#{number}", "group": groups[place], "margin": round(margin, 6), "right": score})
    return rows


def metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Of all pairs."""
    return {"accuracy": mean(rows, "right")}
