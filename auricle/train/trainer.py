"""The training loop: a model, an objective and batches in, checkpoints, a log and what comes of the model out.

Runs alone, or as many processes under torchrun. A step is a function of the weights, the seed, the step and the rank alone, so a run that
was killed goes on from its last checkpoint as if nothing had been: on a processor, with as many threads, to the bit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
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
from auricle.train.learner import Learner, Objective
from auricle.train.log import Log
from auricle.train.registry import CHECKPOINTS
from auricle.train.speed import Speed, line, peak_of

__all__ = ["CHECKPOINTS", "Feed", "TrainConfig", "Training", "train"]

FORMAT = 1
FIGURES = "figures.json"
_PATIENCE = 2.0  # seconds between lines for people
_FIRST = 4  # steps after which the time that is left is told


class Feed(Protocol):
    """What a trainer wants of batches; train.batches.Batches is one.

    waited: seconds spent waiting for them. left_out: how many items cannot be heard.
    """

    waited: float
    left_out: int

    def stream(self, start: int, stop: int) -> Generator[Batch]:
        """Batches of the steps from start to stop - 1, each a function of its step."""

    def name(self, item: int) -> str:
        """What an item is called in messages."""


@dataclasses.dataclass
class Training:
    """What a recipe builds.

    objective: the weighted parts of the loss by name, the same names on every rank. It gets the model itself and may call any part of it.
    One that has parameters of its own is an nn.Module: they learn too. finish: writes what comes of the trained model into the run's
    folder, and returns figures.
    """

    model: nn.Module
    objective: Objective
    batches: Feed
    settings: TrainConfig
    finish: Callable[[nn.Module, Path], dict[str, float]] | None = None


def train(training: Training, folder: Path, *, report: Callable[[str], None] = print) -> dict[str, float]:
    """Train to the end, from the newest checkpoint in the folder if there is one. Returns the figures of `finish`, on rank 0.

    report: is told a line every few seconds, on rank 0. InputError where the folder holds a training with other settings.
    """
    make_folder(folder)
    with parallel.joined(training.settings.device) as place:
        devices = [place.device] if place.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):  # each step sets the seed, which is nobody else's business
            return _Run(training, folder, place, report if place.rank == 0 else lambda told: None).whole()


class _Run:
    def __init__(self, training: Training, folder: Path, place: parallel.Place, report: Callable[[str], None]) -> None:
        self.training, self.settings, self.folder, self.place, self.report = training, training.settings, folder, place, report
        self.learner = Learner(training.model, training.objective, self.settings, place)
        self.done = 0
        self.totals: dict[str, float] = {}  # of figures, since the last line of the log
        self.counted = 0

    def whole(self) -> dict[str, float]:
        """From the newest checkpoint to the end."""
        self._resume()
        if self.done < self.settings.steps:
            self._train()
        written = self.folder / FIGURES
        if written.exists():
            self.report(f"{self.folder} holds this training, finished")
        elif (model := self.learner.finished()) is not None:
            figures = self.training.finish(model, self.folder) if self.training.finish is not None else {}
            write_text(written, json.dumps(figures, indent=1) + "\n")
        return dict(json.loads(written.read_text())) if self.place.rank == 0 else {}

    def _train(self) -> None:
        settings, feed = self.settings, self.training.batches
        log = Log(self.folder, start=self.done) if self.place.rank == 0 else None
        if log:
            self.report(log.told)
            if feed.left_out:
                self.report(f"{feed.left_out} clips cannot be heard and are left out")
            (self.folder / FIGURES).unlink(missing_ok=True)
        speed, first = Speed(self._peak()), self.done + _FIRST
        with contextlib.closing(feed.stream(self.done, settings.steps)) as stream:
            for batch in stream:
                figures = self.learner.learn(batch, self.done, name=feed.name)
                self.totals = {name: self.totals.get(name, 0.0) + value for name, value in figures.items()}
                self.done, self.counted = self.done + 1, self.counted + 1
                speed.count(len(batch) * self.place.world, self.learner.flops)
                if self.done == first < settings.steps:
                    self.report(f"about {clock(speed.left(settings.steps - first))} for the {settings.steps - first} steps that are left")
                if self._due(settings.log_every):
                    self._tell(log, speed)
                if self._due(settings.save_every):
                    self._save()
        if log:
            log.close()

    def _due(self, every: int) -> bool:
        return self.done % every == 0 or self.done == self.settings.steps

    def _tell(self, log: Log | None, speed: Speed) -> None:
        """A row of the log: means over the steps since the last; and for people a line, if the last is a while ago."""
        means = {name: total / self.counted for name, total in self.totals.items()}
        self.totals, self.counted = {}, 0
        figures = speed.look(self.training.batches.waited)
        if log:
            log.add(self.done, {**means, "learning_rate": self.learner.lr_at(self.done - 1), **figures})
        if speed.silent > _PATIENCE or self.done == self.settings.steps:
            self.report(line(self.done, self.settings.steps, means, figures, left=speed.left(self.settings.steps - self.done)))

    def _peak(self) -> float | None:
        if self.place.device.type != "cuda" or self.settings.precision != "bfloat16":
            return None
        return peak_of(torch.cuda.get_device_name(self.place.device))

    def _save(self) -> None:
        """A checkpoint. Nothing of the random numbers is in it: each step draws its own from the seed and its number."""
        state = self.learner.state()
        if self.place.rank == 0:
            kept = {"format": FORMAT, "settings": self.settings.model_dump_json(), "step": self.done}
            window = {"totals": self.totals, "counted": self.counted}
            checkpoint.save(checkpoint.path_of(self.folder / CHECKPOINTS, self.done), {**state, **kept, **window})
            checkpoint.prune(self.folder / CHECKPOINTS, keep=self.settings.keep)

    def _resume(self) -> None:
        found = checkpoint.found(self.folder / CHECKPOINTS)
        if not found:
            return
        state = checkpoint.load(found[-1])
        _compare(json.loads(state["settings"]), json.loads(self.settings.model_dump_json()), found[-1])
        self.learner.restore(state)
        self.done, self.totals, self.counted = state["step"], state["totals"], state["counted"]
        self.report(f"going on from step {self.done} of {found[-1]}")


def _compare(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            told = f"{path} was made with {name} = {before.get(name)!r}, not {now.get(name)!r}"
            raise InputError(f"{told}; wanted the same settings, or another folder")
