"""Linear probe: a linear head on a model's embeddings, the simplest way to adapt a model to new labels.

Logistic regression, cross-validated by recording, as `auricle fit` does with a folder or a table. `auricle listen --head` applies the head.
`auricle score` evaluates models with a probe of the same kind.

    auricle train linear-probe --set data=labelled.jsonl --set model=runs/base/model
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

import auricle
from auricle.core.errors import InputError, SoundError
from auricle.core.units import clock
from auricle.data.item import Item
from auricle.listen.heads import Example, fit
from auricle.listen.listener import Listener
from auricle.recipes.recordings import DataConfig, progress, read_items
from auricle.train.next_command import relative

log = logging.getLogger(__name__)

HEADS = "probe.head"
_TRIALS = 3  # recordings that are timed, after one that warms up


class Config(DataConfig):
    """data: a manifest with labels; synthetic sounds without one. model: by name or path; the built-in one by default."""

    model: str | None = None


def run(config: Config, out: Path) -> dict[str, float]:
    """Write out/probe.head. Returns cross-validated mean average precision, and accuracy where each recording has one label."""
    items = read_items(config, "labels")
    if member := next((item for item in items if item.member), None):
        raise InputError(f"item {member.id} is inside a shard; wanted a manifest of files")
    examples = [_example(item) for item in items]
    log.info("loading the model")
    listener = auricle.load(config.model)
    left = _estimate(listener, examples)
    log.info("%d recordings to embed with %s: about %s on this computer", len(examples), listener.config.name, left)
    embedded = progress("embedding recording")
    heads, scores = fit(
        listener,
        examples,
        progress=lambda index, seconds, declared: embedded(index + 1, len(examples)),
        fitted=progress("fitting label"),
    )
    heads.save(out / HEADS)
    if scores.failed:
        log.warning("%d of %d recordings are left out: %s", len(scores.failed), len(examples), scores.failed[0])
    figures = {"mean_average_precision": float(scores.to_dict()["mean_average_precision"])}
    return figures if scores.accuracy is None else figures | {"accuracy": scores.accuracy[0]}


def next_command(config: Config, out: Path) -> str:
    """The command that applies out/probe.head to one of the recordings."""
    model = [] if config.model is None else ["--model", config.model]
    recording = relative(read_items(config, "labels")[0].audio)
    return shlex.join(["auricle", "listen", recording, "--head", str(out / HEADS), *model])


def _example(item: Item) -> Example:
    end = float("inf") if item.end is None else item.end
    return Example(str(item.audio), item.labels, item.start, end, item.source or item.id)


def _estimate(listener: Listener, examples: Sequence[Example]) -> str:
    """Time for embedding all examples, at the speed of the first ones that can be read."""
    trials = []
    for example in examples[:_TRIALS]:
        with contextlib.suppress(SoundError, InputError):
            trials.append(example.source())
    list(listener.embed_each(trials[:1], space="similarity"))  # the first call also allocates memory
    started = time.perf_counter()
    list(listener.embed_each(trials, space="similarity"))
    return clock(1 + (time.perf_counter() - started) / max(len(trials), 1) * len(examples))
