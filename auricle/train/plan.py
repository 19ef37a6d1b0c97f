"""What a training run will take: lines that are printed before its first step, and a check of the free disk space."""

from __future__ import annotations

import contextlib
import copy
import re
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from auricle.core.errors import WriteError
from auricle.core.units import clock, megabytes
from auricle.train import checkpoint, parallel
from auricle.train.batches import Batch, Batches
from auricle.train.learner import Learner
from auricle.train.trainer import CHECKPOINTS, Training

_BYTES = 4  # per value: weights, averages and optimiser states are single precision
_STATES = {"adamw": 2, "muon": 1}  # values per trainable parameter in the optimiser's state, at most
_TRIALS, _TRIAL_SECONDS = 4, 5.0  # steps of a trial, fewer where they take this long


def plan(training: Training) -> str:
    """Describe a training: steps, recordings, parameters and checkpoint size."""
    settings, batches = training.settings, training.batches
    parameters = sum(parameter.numel() for parameter in training.model.parameters())
    count, size = _checkpoints(training)
    data = f" of {batches.config.batch} clips from {len(batches.items)} recordings" if isinstance(batches, Batches) else ""
    if not settings.steps:
        return f"heads on a frozen encoder{data.replace(' of', ' for batches of', 1)}; {parameters:,} parameters"
    checkpoints = f"{count} checkpoints" if count > 1 else "one checkpoint"
    return f"{settings.steps} steps{data}; {parameters:,} parameters; {checkpoints} of about {megabytes(size)} on disk at a time"


def estimate(training: Training, folder: Path) -> str:
    """Describe how long a training will take on this computer, and its memory: measured on a few batches and a copy of the model.

    The training itself is unchanged. Empty where the run is finished, or with several processes, whose first real steps are timed instead.
    """
    paths = checkpoint.list_paths(folder / CHECKPOINTS)
    done = int(re.sub(r"\D", "", paths[-1].stem)) if paths else 0
    left, encodes = training.settings.steps - done, training.prepare is not None and not paths
    if parallel.rank_and_world()[1] > 1 or not (left or encodes):
        return ""
    seconds, parts = 0.0, []
    with parallel.process_group(training.settings.device) as process:
        gpu = process.device.type == "cuda"
        with torch.random.fork_rng(devices=[process.device] if gpu else []):
            if encodes and isinstance(training.batches, Batches):
                seconds += _seconds_per_batch(training, _forward_pass(training, process), start=0) * training.batches.epoch
                parts.append(f"encoding {len(training.batches.items)} clips")
                if training.fit_seconds is not None:
                    seconds += training.fit_seconds()
                    parts[-1] += " and fitting heads"
            if left:
                step = _train_step(training, process)
                places = dict.fromkeys((done, max(done, training.settings.steps - _TRIALS)))  # later batches may be longer
                seconds += sum(_seconds_per_batch(training, step, start=place) for place in places) / len(places) * left
                parts.append(f"{left} steps")
        memory = torch.cuda.max_memory_allocated(process.device) if gpu else _peak_memory()
    return f"about {clock(1 + seconds)} for {', '.join(parts)} on this computer, and {megabytes(memory)} of memory"


def _seconds_per_batch(training: Training, run: Callable[[Batch], object], *, start: int) -> float:
    """Mean time of `run` with the batches of some steps, and of waiting for these."""
    batches, waited, times = training.batches, training.batches.waited, [time.perf_counter()]
    with contextlib.closing(batches.stream(start, start + _TRIALS)) as stream:
        for batch in stream:
            run(batch)
            times.append(time.perf_counter())
            if times[-1] - times[0] > _TRIAL_SECONDS:
                break
    batches.waited = waited
    first = 1 if len(times) > 2 else 0  # the first batch also allocates memory and is waited for
    return (times[-1] - times[first]) / (len(times) - 1 - first)


def _train_step(training: Training, process: parallel.Process) -> Callable[[Batch], object]:
    """A training step with a copy of the model."""
    model, objective = copy.deepcopy((training.model, training.objective))
    learner = Learner(model, objective, training.settings, process)
    return lambda batch: learner.train_step(batch, 1, name=training.batches.name)  # step 0 would count operations, which takes longer


def _forward_pass(training: Training, process: parallel.Process) -> Callable[[Batch], object]:
    """A forward pass through a copy of the model, in evaluation mode."""
    model, objective = copy.deepcopy((training.model, training.objective))
    model.to(process.device).eval()

    @torch.no_grad()
    def run(batch: Batch) -> object:
        return objective(model, batch.to(process.device))

    return run


def _peak_memory() -> int:
    """Most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


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
            "free some space, choose another folder with -o, or keep fewer with --set train.keep=1"
        )


def _checkpoints(training: Training) -> tuple[int, int]:
    """How many checkpoints are on disk at a time, at most, and the size of one in bytes."""
    settings = training.settings
    parameters = [(parameter.numel(), parameter.requires_grad) for parameter in training.model.parameters()]
    trainable = sum(count for count, trains in parameters if trains)
    size = _BYTES * (sum(count for count, _ in parameters) * (2 if settings.ema_decay else 1) + trainable * _STATES[settings.optimiser])
    return min(settings.keep + 1, -(-settings.steps // settings.save_every)), size
