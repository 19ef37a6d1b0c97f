"""Several tasks on one encoder: a manifest a task, a head a task, and batches that hold clips of all of them.

As the sound encoder of MS-CLAP 2023 was trained, HTS-AT on 22 tasks at once (Elizalde et al. 2024, arXiv:2309.05767); its tasks, weights
and schedule are unverified, so those are yours. A task whose clips have one label each is trained by cross-entropy and gives shares
(softmax), any other by binary cross-entropy. Scores of `data` are the model's `clip_logits`, those of a further task an output of its name.

    auricle train multitask                                          a first run on made sounds, in seconds
    auricle train multitask --set data=sounds.jsonl --set 'tasks={"digits": "digits.jsonl"}' --set fold=4
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from auricle.core.config import CLIP_LOGITS, ModelConfig, Output
from auricle.core.errors import InputError
from auricle.data import manifest
from auricle.data.item import Item
from auricle.data.waves import Waves
from auricle.metrics.bootstrap import wilson
from auricle.metrics.event import correct
from auricle.metrics.tagging import mean_average_precision
from auricle.models.encoders.factory import size as size_of
from auricle.models.model import Model
from auricle.nn.losses.multitask import Head, multitask
from auricle.recipes.panns import vocabulary
from auricle.recipes.result_folder import keep
from auricle.recipes.sounds import Sounds, decoded, opened, settings_of
from auricle.signal.frontend import open_frontend
from auricle.train.batches import Batch, BatchConfig, Batches
from auricle.train.trainer import TrainConfig, Training

#: A small CNN without a head; its preset is the log-mel that it hears by.
ENCODER: dict[str, Any] = {
    "family": "cnn14", "frontend": "panns-16k", "mels": 64, "widths": [16, 32, 64], "halvings": 3, "size": 128, "labels": 0,
}  # fmt: skip
#: The task of `data`: its scores are the model's own labels.
FIRST = "labels"


class Config(Sounds):
    """data: a manifest with labels. tasks: by name, manifests of further tasks, which may hold the same recordings with other labels.

    weights: of tasks, 1 where none is given; the task of `data` is called `labels`. fold: of every manifest, left out and scored at the
    end; nothing is left out without. even: each label of each task is drawn as often as any other, not each recording.
    """

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "encoder": "htsat-tiny",
            "batch": 128,
            "workers": 4,
            "train": {"steps": 100_000, "learning_rate": 1e-3, "precision": "bfloat16"},
        }
    }

    tasks: dict[str, Path] = {}
    weights: dict[str, Annotated[float, Field(gt=0)]] = {}
    fold: str = ""
    even: bool = False
    encoder: dict[str, Any] | str = ENCODER
    train: TrainConfig = TrainConfig(steps=200, learning_rate=2e-3)


@dataclasses.dataclass(frozen=True)
class Task:
    """One task: its items, those that are left out, and its labels. exclusive: every item has exactly one."""

    name: str
    items: tuple[Item, ...]
    left_out: tuple[Item, ...]
    labels: tuple[str, ...]
    exclusive: bool

    @property
    def output(self) -> str:
        """Name of the model's output for it."""
        return CLIP_LOGITS if self.name == FIRST else self.name


class MultitaskModel(nn.Module):
    """A batch with labels of several tasks in, each task's part of the loss out. owner: the task (number) of each item."""

    def __init__(self, model: Model, tasks: Sequence[Task], weights: Mapping[str, float]) -> None:
        super().__init__()
        self.model = model
        self.heads = {task.output: Head(len(task.labels), task.exclusive, weights.get(task.name, 1.0)) for task in tasks}
        self.owner = torch.repeat_interleave(torch.tensor([len(task.items) for task in tasks]))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Parts by the names of the outputs."""
        assert batch.labels is not None
        owner = self.owner.to(batch.items.device)[batch.items]
        return multitask(self.model(batch.features, batch.mask), batch.labels, owner, self.heads)


def build(config: Config, name: str = "multitask") -> Training:
    """A training of this config. name: of the model."""
    torch.manual_seed(config.seed)
    tasks = opened_tasks(config)
    encoder = {**size_of(config.encoder), "labels": 0} if isinstance(config.encoder, str) else config.encoder
    model = Model(with_heads(settings_of(encoder, name=name, window=config.window), tasks)).train()
    frontend = open_frontend(model.config.frontend)
    items = [item for task in tasks for item in task.items]
    batches = Batches(
        [dataclasses.replace(item, labels=_columns(task, item.labels)) for task in tasks for item in task.items],
        decoded(items, config.cache, rate=frontend.rate),
        frontend,
        BatchConfig(batch=config.batch, seconds=config.window, even=config.even, seed=config.seed, workers=config.workers, captions="none"),
        labels=[column for task in tasks for column in _columns(task, task.labels)],
    )
    left_out = {task.name: decoded(task.left_out, config.cache, rate=frontend.rate) for task in tasks if task.left_out}
    return Training(
        model=MultitaskModel(model, tasks, config.weights),
        objective=lambda multi, batch: multi(batch),
        batches=batches,
        settings=config.train,
        finish=lambda multi, out: finish(multi, out, tasks, left_out),
    )


def opened_tasks(config: Config) -> list[Task]:
    """The tasks of a config, that of `data` first; of made sounds, which two sound and which comes first."""
    found = {FIRST: [item for item in opened(config) if item.labels]}
    for name, path in config.tasks.items():
        if name == FIRST or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise InputError(f"task {name!r}; wanted small letters, digits and underscores, and not {FIRST!r}, the task of `data`")
        found[name] = [item for item in manifest.read(path) if item.labels]
    if config.data is None and not config.tasks:
        found["first"] = [dataclasses.replace(item, labels=(item.captions[0].text.split(", then ")[0],)) for item in found[FIRST]]
    if unknown := config.weights.keys() - found.keys():
        raise InputError(f"weights has {min(unknown)!r}; wanted tasks: {', '.join(found)}")
    return [_task(name, items, config.fold) for name, items in found.items()]


def _task(name: str, items: Sequence[Item], fold: str) -> Task:
    kept = tuple(item for item in items if not fold or item.fold != fold)
    left_out = tuple(item for item in items if fold and item.fold == fold)
    if not kept or (fold and not left_out):
        raise InputError(f"fold {fold!r} leaves out {len(left_out)} of {len(items)} items of task {name}; wanted some, not all")
    labels = vocabulary(kept, fewest=1)
    known = tuple(item for item in left_out if set(item.labels) <= set(labels))  # what was never trained cannot be found
    return Task(name, kept, known, labels, exclusive=all(len(item.labels) == 1 for item in items))


def with_heads(settings: ModelConfig, tasks: Sequence[Task]) -> ModelConfig:
    """A config with an output for each task, by a linear layer over the encoder's pooled vector."""
    outputs = dict(settings.outputs)
    for task in tasks:
        if task.output in outputs:
            raise InputError(f"task {task.name!r} has the name of an output that every model has; wanted another")
        activation = "softmax" if task.exclusive else "sigmoid"
        outputs[task.output] = Output(kind="clip_scores", head="linear", labels=task.labels, activation=activation)  # type: ignore[arg-type]
    return ModelConfig(**{**dict(settings), "outputs": outputs})


def _columns(task: Task, labels: Sequence[str]) -> tuple[str, ...]:
    """Labels by names that are no other task's."""
    return tuple(f"{task.name}: {label}" for label in labels)


def finish(multi: nn.Module, out: Path, tasks: Sequence[Task], left_out: Mapping[str, Waves]) -> dict[str, float]:
    """Write out/model. Figures: of each task, what was left out: accuracy with its interval, or mean average precision."""
    assert isinstance(multi, MultitaskModel)
    model = multi.model.eval()
    once = {(item.corpus, item.id, item.audio): item for task in tasks for item in task.items}
    keep(model, out, list(once.values()))
    figures: dict[str, float] = {}
    for task in tasks:
        if task.name in left_out:
            figures |= _scored(task, _logits(model, task, left_out[task.name]))
    return figures


def _scored(task: Task, logits: np.ndarray) -> dict[str, float]:
    truth = np.array([[label in item.labels for label in task.labels] for item in task.left_out])
    if not task.exclusive:
        return {f"{task.name}_map": mean_average_precision(truth, logits)}
    right = int(correct(truth.argmax(axis=1), logits).sum())
    low, high = wilson(right, len(truth))
    return {f"{task.name}_accuracy": right / len(truth), f"{task.name}_low": low, f"{task.name}_high": high}


@torch.inference_mode()
def _logits(model: Model, task: Task, waves: Waves) -> np.ndarray:
    """Of each item that is left out, heard whole, (items, K)."""
    frontend, device = open_frontend(model.config.frontend), next(model.parameters()).device
    rows = []
    for place in range(len(waves)):
        features = frontend.features(waves.wave(place).astype(np.float32) / np.float32(32768))
        rows.append(model(torch.from_numpy(features)[None].to(device))[task.output][0].float().cpu().numpy())
    return np.stack(rows)
