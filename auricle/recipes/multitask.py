"""Multi-task training: one encoder with a manifest and a classification head per task; batches contain clips of all tasks.

The audio encoder of MS-CLAP 2023 was trained like this, HTS-AT on 22 tasks (Elizalde et al. 2024, arXiv:2309.05767); its tasks, weights and
schedule are unverified, so choose your own. A task whose clips have exactly one label is trained with cross-entropy and has softmax scores,
any other with binary cross-entropy. The scores of `data` are the model's `clip_logits`; each further task is an output of its own name.

    auricle train multitask                                          a first run on synthetic sounds, in seconds
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
from auricle.models.encoders.factory import published_size
from auricle.models.model import Model
from auricle.nn.losses.multitask import Head, multitask
from auricle.recipes.panns import label_vocabulary
from auricle.recipes.recipe_config import RecipeConfig, decode_items, make_model_config, read_items
from auricle.recipes.result_folder import write_model_folder
from auricle.signal.frontend import open_frontend
from auricle.train.batches import Batch, BatchConfig, Batches
from auricle.train.trainer import TrainConfig, Training

#: A small CNN without a classification head, on log-mel spectrograms.
ENCODER: dict[str, Any] = {
    "family": "cnn14", "frontend": "panns-16k", "mels": 64, "widths": [16, 32, 64], "halvings": 3, "size": 128, "labels": 0,
}  # fmt: skip
#: The task of `data`, whose labels are the model's own.
FIRST = "labels"


class Config(RecipeConfig):
    """data: a manifest with labels. tasks: manifests of further tasks by name; they may contain the same recordings with other labels.

    weights: of tasks by name, 1 by default; the task of `data` is called `labels`. fold: held out of every manifest and evaluated at the
    end; none by default. balanced: class-balanced sampling over the labels of all tasks.
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
    balanced: bool = False
    encoder: dict[str, Any] | str = ENCODER
    train: TrainConfig = TrainConfig(steps=200, learning_rate=2e-3)


@dataclasses.dataclass(frozen=True)
class Task:
    """One task: its training items, its held-out items, and its labels. exclusive: every item has exactly one label."""

    name: str
    items: tuple[Item, ...]
    held_out: tuple[Item, ...]
    labels: tuple[str, ...]
    exclusive: bool

    @property
    def output(self) -> str:
        """Name of the model's output for this task."""
        return CLIP_LOGITS if self.name == FIRST else self.name


class MultitaskModel(nn.Module):
    """Computes the loss of each task from a batch with clips of several tasks. task_of: index of each item's task, int64 (items,)."""

    def __init__(self, model: Model, tasks: Sequence[Task], weights: Mapping[str, float]) -> None:
        super().__init__()
        self.model = model
        self.heads = {task.output: Head(len(task.labels), task.exclusive, weights.get(task.name, 1.0)) for task in tasks}
        self.task_of = torch.repeat_interleave(torch.tensor([len(task.items) for task in tasks]))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Parts of the loss by the names of the outputs, each ()."""
        assert batch.labels is not None
        task = self.task_of.to(batch.items.device)[batch.items]
        return multitask(self.model(batch.features, batch.mask), batch.labels, task, self.heads)


def build(config: Config, name: str = "multitask") -> Training:
    """A training of this config. name: of the model."""
    torch.manual_seed(config.seed)
    tasks = read_tasks(config)
    encoder = {**published_size(config.encoder), "labels": 0} if isinstance(config.encoder, str) else config.encoder
    model = Model(add_heads(make_model_config(encoder, name=name, window=config.window), tasks)).train()
    frontend = open_frontend(model.config.frontend)
    items = [item for task in tasks for item in task.items]
    batches = Batches(
        [dataclasses.replace(item, labels=_columns(task, item.labels)) for task in tasks for item in task.items],
        decode_items(items, config.cache, rate=frontend.rate),
        frontend,
        BatchConfig(
            batch=config.batch,
            seconds=config.window,
            balanced=config.balanced,
            seed=config.seed,
            workers=config.workers,
            captions="none",
        ),
        labels=[column for task in tasks for column in _columns(task, task.labels)],
    )
    held_out = {task.name: decode_items(task.held_out, config.cache, rate=frontend.rate) for task in tasks if task.held_out}
    return Training(
        model=MultitaskModel(model, tasks, config.weights),
        objective=lambda multi, batch: multi(batch),
        batches=batches,
        settings=config.train,
        finish=lambda multi, out: finish(multi, out, tasks, held_out),
    )


def read_tasks(config: Config) -> list[Task]:
    """Read the tasks of a config, that of `data` first. Synthetic sounds have two: which kinds occur, and which occurs first."""
    items_of = {FIRST: [item for item in read_items(config) if item.labels]}
    for name, path in config.tasks.items():
        if name == FIRST or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise InputError(f"task {name!r}; wanted lower-case letters, digits and underscores, and not {FIRST!r}, the task of `data`")
        items_of[name] = [item for item in manifest.read(path) if item.labels]
    if config.data is None and not config.tasks:
        items_of["first"] = [dataclasses.replace(item, labels=(item.captions[0].text.split(", then ")[0],)) for item in items_of[FIRST]]
    if unknown := config.weights.keys() - items_of.keys():
        raise InputError(f"weights has {min(unknown)!r}; wanted tasks: {', '.join(items_of)}")
    return [_task(name, items, config.fold) for name, items in items_of.items()]


def _task(name: str, items: Sequence[Item], fold: str) -> Task:
    training = tuple(item for item in items if not fold or item.fold != fold)
    held_out = tuple(item for item in items if fold and item.fold == fold)
    if not training or (fold and not held_out):
        raise InputError(f"fold {fold!r} holds out {len(held_out)} of {len(items)} items of task {name}; wanted some, not all")
    labels = label_vocabulary(training, min_clips=1)
    evaluated = tuple(item for item in held_out if set(item.labels) <= set(labels))  # labels without training items are not evaluated
    return Task(name, training, evaluated, labels, exclusive=all(len(item.labels) == 1 for item in items))


def add_heads(settings: ModelConfig, tasks: Sequence[Task]) -> ModelConfig:
    """The config with an output for each task: a linear layer on the encoder's pooled embedding."""
    outputs = dict(settings.outputs)
    for task in tasks:
        if task.output in outputs:
            raise InputError(f"task {task.name!r} has the name of an output that every model has; wanted another name")
        activation = "softmax" if task.exclusive else "sigmoid"
        outputs[task.output] = Output(kind="clip_scores", head="linear", labels=task.labels, activation=activation)  # type: ignore[arg-type]
    return ModelConfig(**{**dict(settings), "outputs": outputs})


def _columns(task: Task, labels: Sequence[str]) -> tuple[str, ...]:
    """Labels with the name of their task, so that labels of different tasks differ."""
    return tuple(f"{task.name}: {label}" for label in labels)


def finish(multi: nn.Module, out: Path, tasks: Sequence[Task], held_out: Mapping[str, Waves]) -> dict[str, float]:
    """Write out/model. Returns for each task accuracy with its interval, or mean average precision, on the held-out items."""
    assert isinstance(multi, MultitaskModel)
    model = multi.model.eval()
    unique = {(item.corpus, item.id, item.audio): item for task in tasks for item in task.items}
    write_model_folder(model, out, list(unique.values()))
    figures: dict[str, float] = {}
    for task in tasks:
        if task.name in held_out:
            figures |= _evaluate(task, _logits(model, task, held_out[task.name]))
    return figures


def _evaluate(task: Task, logits: np.ndarray) -> dict[str, float]:
    truth = np.array([[label in item.labels for label in task.labels] for item in task.held_out])
    if not task.exclusive:
        return {f"{task.name}_map": mean_average_precision(truth, logits)}
    hits = int(correct(truth.argmax(axis=1), logits).sum())
    low, high = wilson(hits, len(truth))
    return {f"{task.name}_accuracy": hits / len(truth), f"{task.name}_low": low, f"{task.name}_high": high}


@torch.inference_mode()
def _logits(model: Model, task: Task, waves: Waves) -> np.ndarray:
    """Logits of each held-out item, computed on the whole recording, (items, K)."""
    frontend, device = open_frontend(model.config.frontend), next(model.parameters()).device
    rows = []
    for index in range(len(waves)):
        features = frontend.features(waves.wave(index).astype(np.float32) / np.float32(32768))
        rows.append(model(torch.from_numpy(features)[None].to(device))[task.output][0].float().cpu().numpy())
    return np.stack(rows)
