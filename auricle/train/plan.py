"""One line about the size of a training run, printed before its first step."""

from __future__ import annotations

from auricle.core.units import megabytes
from auricle.train.batches import Batches
from auricle.train.trainer import Training

_BYTES = 4  # per value: weights, averages and optimiser states are single precision
_STATES = {"adamw": 2, "muon": 1}  # values per trainable parameter in the optimiser's state, at most


def plan(training: Training) -> str:
    """Describe a training: steps, recordings, parameters and checkpoint size. The duration is estimated after the first steps."""
    settings, batches = training.settings, training.batches
    parameters = sum(parameter.numel() for parameter in training.model.parameters())
    trainable = sum(parameter.numel() for parameter in training.model.parameters() if parameter.requires_grad)
    size = _BYTES * (parameters * (2 if settings.ema_decay else 1) + trainable * _STATES[settings.optimiser])
    count = min(settings.keep + 1, -(-settings.steps // settings.save_every))
    data = f" of {batches.config.batch} clips from {len(batches.items)} recordings" if isinstance(batches, Batches) else ""
    checkpoints = f"{count} checkpoints" if count > 1 else "one checkpoint"
    return f"{settings.steps} steps{data}; {parameters:,} parameters; {checkpoints} of about {megabytes(size)} on disk at a time"
