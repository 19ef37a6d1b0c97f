"""Error for a loss or gradient that is not finite, raised before any weight is changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NoReturn

import torch

from auricle.core.errors import ModelError
from auricle.train.batches import Batch

_MAX_NAMES = 8  # names of clips in the message


def raise_nonfinite(figures: Mapping[str, float], batch: Batch, *, step: int, name: Callable[[int], str]) -> NoReturn:
    """Raise a ModelError that names the step, the values that are not finite, and the clips of this rank's batch.

    figures: parts of the loss and the gradient norm of this rank; where all are finite, another rank's are not. name: item to its name.
    """
    bad = [f"{part} is {value}" for part, value in figures.items() if not math.isfinite(value)] or ["another rank's loss is not finite"]
    flat = batch.features.flatten(1)
    clips = [name(int(item)) for item in batch.items]
    nonfinite = [clip for clip, row in zip(clips, flat, strict=True) if not bool(torch.isfinite(row).all())]
    cause = (
        f"features of {_join_names(nonfinite)} are not finite: leave these out" if nonfinite else "lower learning_rate or gradient_limit"
    )
    raise ModelError(f"step {step}: {', '.join(bad)}, with clips {_join_names(clips)}; {cause}. No weight was changed")


def _join_names(clips: list[str]) -> str:
    more = f" and {len(clips) - _MAX_NAMES} more" if len(clips) > _MAX_NAMES else ""
    return ", ".join(clips[:_MAX_NAMES]) + more
