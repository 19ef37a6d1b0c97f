"""The size of a training run: one line that is printed before its first step, and a check of the free disk space."""

from __future__ import annotations

import shutil
from pathlib import Path

from auricle.core.errors import WriteError
from auricle.core.units import megabytes
from auricle.train.batches import Batches
from auricle.train.trainer import Training

_BYTES = 4  # per value: weights, averages and optimiser states are single precision
_STATES = {"adamw": 2, "muon": 1}  # values per trainable parameter in the optimiser's state, at most


def plan(training: Training) -> str:
    """Describe a training: steps, recordings, parameters and checkpoint size. The duration is estimated after the first steps."""
    settings, batches = training.settings, training.batches
    parameters = sum(parameter.numel() for parameter in training.model.parameters())
    count, size = _checkpoints(training)
    data = f" of {batches.config.batch} clips from {len(batches.items)} recordings" if isinstance(batches, Batches) else ""
    checkpoints = f"{count} checkpoints" if count > 1 else "one checkpoint"
    return f"{settings.steps} steps{data}; {parameters:,} parameters; {checkpoints} of about {megabytes(size)} on disk at a time"


def check_space(training: Training, folder: Path) -> None:
    """Raise WriteError where the checkpoints of a run do not fit on the disk of its folder, which exists.

    Files already in the folder count as free space, since a resumed run replaces its checkpoints.
    """
    count, size = _checkpoints(training)
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if free + used < count * size:
        raise WriteError(
            f"{folder}: {megabytes(free)} are free, but the checkpoints need {megabytes(count * size)}; "
            "free some space, choose another folder with --out, or keep fewer with --set train.keep=1"
        )


def _checkpoints(training: Training) -> tuple[int, int]:
    """How many checkpoints are on disk at a time, at most, and the size of one in bytes."""
    settings = training.settings
    parameters = [(parameter.numel(), parameter.requires_grad) for parameter in training.model.parameters()]
    trainable = sum(count for count, trains in parameters if trains)
    size = _BYTES * (sum(count for count, _ in parameters) * (2 if settings.ema_decay else 1) + trainable * _STATES[settings.optimiser])
    return min(settings.keep + 1, -(-settings.steps // settings.save_every)), size
