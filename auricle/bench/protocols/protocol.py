"""Common types of the protocols.

Rows are what an evaluation saves (a line of JSON each): scores, their intervals and the comparison of two runs need only rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from auricle.bench import hierarchy
from auricle.bench.embeddings import ClipEmbeddings
from auricle.bench.suite import Suite
from auricle.core.errors import InputError
from auricle.core.labels import label_key
from auricle.data.item import Item
from auricle.listen.listener import Listener
from auricle.metrics.resampled import Metric, Row


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationInput:
    """A suite, the model to evaluate, and the clips with their embeddings. seed: of splits and episodes."""

    suite: Suite
    listener: Listener
    items: Sequence[Item]
    embeddings: Sequence[ClipEmbeddings]
    seed: int


class Protocol(NamedTuple):
    """A protocol. run: inputs to rows. metrics: rows to metrics by name. describe: facts about an evaluation, for its result."""

    run: Callable[[EvaluationInput], list[Row]]
    metrics: Callable[[Sequence[Row]], dict[str, Metric]]
    describe: Callable[[EvaluationInput], dict[str, Any]] = lambda _: {}


def own_labels(inputs: EvaluationInput, labels: Sequence[str]) -> list[int]:
    """Index of the model's own label for each of these labels, or for what the suite's `words` call it. InputError where it has none."""
    own = {_normalise(label): index for index, label in enumerate(inputs.listener.labels)}
    names = [_normalise(inputs.suite.words.get(label, label)) for label in labels]
    missing = [label for label, name in zip(labels, names, strict=True) if name not in own]
    if missing:
        raise InputError(
            f"{inputs.listener.config.name} has no label {missing[0]!r}, nor {len(missing) - 1} others of the suite {inputs.suite.name}; "
            "wanted a model that has them, or `words` in the suite that name its labels"
        )
    return [own[name] for name in names]


def _normalise(label: str) -> str:
    return hierarchy.normalise_name(label_key(label))
