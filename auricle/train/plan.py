"""A training in, one line about what it will take out, before its first step."""

from __future__ import annotations

from auricle.core.units import megabytes
from auricle.train.batches import Batches
from auricle.train.trainer import Training

_BYTES = 4  # of a number in single precision, which weights, averages and the optimiser's state are kept in
_STATES = {"adamw": 2, "muon": 1}  # numbers that an optimiser keeps for each parameter that learns, at most


def plan(training: Training) -> str:
    """Steps, recordings, parameters, and the size of a checkpoint; time is measured in the first steps."""
    settings, batches = training.settings, training.batches
    every = sum(parameter.numel() for parameter in training.model.parameters())
    learning = sum(parameter.numel() for parameter in training.model.parameters() if parameter.requires_grad)
    size = _BYTES * (every * (2 if settings.ema_decay else 1) + learning * _STATES[settings.optimiser])
    count = min(settings.keep + 1, -(-settings.steps // settings.save_every))
    taught = f" of {batches.config.batch} clips from {len(batches.items)} recordings" if isinstance(batches, Batches) else ""
    kept = f"{count} checkpoints" if count > 1 else "one checkpoint"
    return f"{settings.steps} steps{taught}; {every:,} parameters; {kept} of about {megabytes(size)} on disk at a time"
