"""The training loop: checkpoints, log, resuming, and writing the result.

Runs as a single process, or as several under torchrun. A step depends only on the weights, the seed, the step number and the rank, so a
killed run resumes from its last checkpoint with the same result: on a CPU with the same number of threads, bit for bit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from auricle.core.errors import InputError
from auricle.core.files import make_folder, write_text
from auricle.core.units import clock
from auricle.train import checkpoint, parallel
from auricle.train.batches import Batch
from auricle.train.config import TrainConfig
from auricle.train.interrupt import delayed_interrupt
from auricle.train.learner import Learner, Objective
from auricle.train.log import Log
from auricle.train.registry import CHECKPOINTS
from auricle.train.speed import Throughput, gpu_peak, progress_line

__all__ = ["CHECKPOINTS", "BatchSource", "TrainConfig", "Training", "train"]

FORMAT = 1
FIGURES = "figures.json"
_REPORT_EVERY = 2.0  # seconds between progress lines
_FIRST_ESTIMATE = 4  # steps after which the remaining time is reported


class BatchSource(Protocol):
    """Batches by step, as the trainer reads them; train.batches.Batches is one.

    waited: seconds spent waiting for batches so far. left_out: number of items that cannot be read.
    """

    waited: float
    left_out: int

    def stream(self, start: int, stop: int) -> Generator[Batch]:
        """Yield the batches of steps start to stop - 1; each depends on its step alone."""

    def name(self, item: int) -> str:
        """Name of an item, for messages."""


@dataclasses.dataclass
class Training:
    """Everything that the trainer needs; a recipe builds one.

    objective: (model, batch) to the weighted parts of the loss by name, the same names on every rank; it may call any part of the model.
    An objective with parameters of its own is an nn.Module; they are trained too. finish: (trained model, run folder) to figures; writes
    the results. prepare: (model, report) called before the first step of a run that is not resumed, such as to fit new heads; it must give
    the same weights on every rank. fit_seconds: measures how long `prepare` will take, beside encoding all clips. validate: (model in
    evaluation mode) to figures, the first of which decides, higher is better.
    """

    model: nn.Module
    objective: Objective
    batches: BatchSource
    settings: TrainConfig
    finish: Callable[[nn.Module, Path], dict[str, float]] | None = None
    prepare: Callable[[nn.Module, Callable[[str], None]], None] | None = None
    fit_seconds: Callable[[], float] | None = None
    validate: Callable[[nn.Module], dict[str, float]] | None = None


def train(training: Training, folder: Path, *, report: Callable[[str], None] = print) -> dict[str, float]:
    """Train to the last step, resuming from the newest checkpoint in the folder. Returns the figures of `finish`, on rank 0.

    report: called with a progress line every few seconds, on rank 0. InputError where the folder holds a run with other settings;
    ModelError where a loss or gradient is not finite.
    """
    make_folder(folder)
    with parallel.process_group(training.settings.device) as process:
        devices = [process.device] if process.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):  # each step sets the global seed, which the caller must not notice
            return _Run(training, folder, process, report if process.rank == 0 else lambda line: None).run()


@dataclasses.dataclass
class Best:
    """The best validation so far: its figure, its step, the number of validations since, and the weights; None before the first."""

    value: float = -math.inf
    step: int = 0
    since: int = 0
    weights: dict[str, torch.Tensor] | None = None


class _Run:
    def __init__(self, training: Training, folder: Path, process: parallel.Process, report: Callable[[str], None]) -> None:
        self.training, self.settings, self.folder, self.process, self.report = training, training.settings, folder, process, report
        if training.prepare is not None and not checkpoint.list_paths(folder / CHECKPOINTS) and not (folder / FIGURES).exists():
            training.prepare(training.model, report)
        self.learner = Learner(training.model, training.objective, self.settings, process)
        self.done = 0
        self.best = Best()
        self.totals: dict[str, float] = {}  # sums of figures since the last row of the log
        self.counted = 0

    def run(self) -> dict[str, float]:
        """Resume, train to the last step, and write the results."""
        self._resume()
        if self.done < self.settings.steps and not self._is_over():
            self._train()
        path = self.folder / FIGURES
        if path.exists():
            self.report(f"{self.folder} already holds this run, finished")
        elif (model := self.learner.trained_model(self.best.weights)) is not None:
            figures = self.training.finish(model, self.folder) if self.training.finish is not None else {}
            write_text(path, json.dumps(figures, indent=1) + "\n")
        return dict(json.loads(path.read_text())) if self.process.rank == 0 else {}

    def _train(self) -> None:
        settings, batches = self.settings, self.training.batches
        log = Log(self.folder, start=self.done) if self.process.rank == 0 else None
        if log:
            self.report(log.description)
            if batches.left_out:
                self.report(f"{batches.left_out} clips cannot be read and are skipped")
            (self.folder / FIGURES).unlink(missing_ok=True)
        throughput, first = Throughput(self._peak()), self.done + _FIRST_ESTIMATE
        if not self.done:
            self._validate()
        stopping = delayed_interrupt(self.process.world)
        with stopping as interrupted, contextlib.closing(batches.stream(self.done, settings.steps)) as stream:
            for batch in stream:
                figures = self.learner.train_step(batch, self.done, name=batches.name)
                self.totals = {name: self.totals.get(name, 0.0) + value for name, value in figures.items()}
                self.done, self.counted = self.done + 1, self.counted + 1
                throughput.count(len(batch) * self.process.world, self.learner.flops)
                if self.done == first < settings.steps:
                    steps = settings.steps - first
                    self.report(f"about {clock(throughput.seconds_left(steps))} for the remaining {steps} steps")
                stop = interrupted()
                self._finish_step(log, throughput, save=stop)
                if stop:
                    raise KeyboardInterrupt(f"stopped at step {self.done} of {settings.steps}; the same command resumes from there")
                if self._is_over():
                    self.report(f"stopped: no improvement in {self.best.since} validations; the weights of step {self.best.step} are kept")
                    break
        if log:
            log.close()

    def _finish_step(self, log: Log | None, throughput: Throughput, *, save: bool) -> None:
        """What is due after a step: a row of the log, a validation, a checkpoint. save: write one in any case."""
        if self._is_due(self.settings.log_every):
            self._log_row(log, throughput)
        if self._is_due(self.settings.validate_every):
            self._validate()
        if save or self._is_due(self.settings.save_every) or self._is_over():
            self._save()

    def _is_due(self, every: int) -> bool:
        return self.done % every == 0 or self.done == self.settings.steps

    def _is_over(self) -> bool:
        return self.settings.patience is not None and self.best.since >= self.settings.patience

    def _validate(self) -> None:
        """Measure the current weights, and keep them where they are the best so far. Every rank must call it."""
        if self.training.validate is None:
            return
        figures = self.learner.evaluate(self.training.validate)
        value = next(iter(figures.values()))
        if self.best.weights is None or value > self.best.value:
            self.best = Best(value, self.done, 0, self.learner.weights())
        else:
            self.best.since += 1
        text = ", ".join(f"{name} {figure:.4g}" for name, figure in figures.items())
        self.report(f"validation after step {self.done}: {text}{'  (best)' if not self.best.since else ''}")

    def _log_row(self, log: Log | None, throughput: Throughput) -> None:
        """Log means over the steps since the last row; report a progress line where the last one is some seconds old."""
        means = {name: total / self.counted for name, total in self.totals.items()}
        self.totals, self.counted = {}, 0
        figures = throughput.measure(self.training.batches.waited)
        if log:
            log.add(self.done, {**means, "learning_rate": self.learner.lr_at(self.done - 1), **figures})
        if throughput.since_report > _REPORT_EVERY or self.done == self.settings.steps:
            left = throughput.seconds_left(self.settings.steps - self.done)
            self.report(progress_line(self.done, self.settings.steps, means, figures, left=left))

    def _peak(self) -> float | None:
        if self.process.device.type != "cuda" or self.settings.precision != "bfloat16":
            return None
        return gpu_peak(torch.cuda.get_device_name(self.process.device))

    def _save(self) -> None:
        """Write a checkpoint. It needs no random state: each step seeds its own from the seed and its number."""
        state = self.learner.state_dict()
        if self.process.rank == 0:
            about = {"format": FORMAT, "settings": self.settings.model_dump_json(), "step": self.done}
            window = {"totals": self.totals, "counted": self.counted, "best": dataclasses.asdict(self.best)}
            checkpoint.save(checkpoint.step_path(self.folder / CHECKPOINTS, self.done), {**state, **about, **window})
            checkpoint.prune(self.folder / CHECKPOINTS, keep=self.settings.keep)

    def _resume(self) -> None:
        paths = checkpoint.list_paths(self.folder / CHECKPOINTS)
        if not paths:
            return
        state = checkpoint.load(paths[-1])
        _check_settings(json.loads(state["settings"]), json.loads(self.settings.model_dump_json()), paths[-1])
        self.learner.load_state_dict(state)
        self.done, self.totals, self.counted = state["step"], state["totals"], state["counted"]
        self.best = Best(**state.get("best", {}))
        self.report(f"resuming from step {self.done} of {paths[-1]}")


def _check_settings(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            difference = f"{path} was written with {name} = {before.get(name)!r}, not {now.get(name)!r}"
            raise InputError(f"{difference}; wanted the same settings, or another folder")
