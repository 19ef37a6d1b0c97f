"""A watch on what is learnt from: a loss or a gradient that is no number stops the training before any weight has changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NoReturn

import torch

from auricle.core.errors import ModelError
from auricle.train.batches import Batch

_SHOWN = 8  # names of clips in the message


def refuse(figures: Mapping[str, float], batch: Batch, *, step: int, name: Callable[[int], str]) -> NoReturn:
    """Raise the ModelError of a step that went wrong: names the step, what is not finite, and this rank's clips.

    figures: of this rank, by name; where all are finite, it was another rank's batch.
    """
    bad = [f"{part} is {value}" for part, value in figures.items() if not math.isfinite(value)] or ["another rank's loss is not finite"]
    flat = batch.features.flatten(1)
    clips = [name(int(item)) for item in batch.items]
    spoilt = [clip for clip, row in zip(clips, flat, strict=True) if not bool(torch.isfinite(row).all())]
    cause = f"features of {_named(spoilt)} are not finite: leave these out" if spoilt else "lower learning_rate or gradient_limit"
    raise ModelError(f"step {step}: {', '.join(bad)}, with clips {_named(clips)}; {cause}. No weight was changed")


def _named(clips: list[str]) -> str:
    more = f" and {len(clips) - _SHOWN} more" if len(clips) > _SHOWN else ""
    return ", ".join(clips[:_SHOWN]) + more
