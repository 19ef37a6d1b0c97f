"""Multi-task training: one encoder with a manifest and a classification head per task; batches contain clips of all tasks.

The audio encoder of MS-CLAP 2023 was trained like this, HTS-AT on 22 tasks (Elizalde et al. 2024, arXiv:2309.05767); its tasks, weights and
schedule are unverified, so choose your own. A task whose clips have exactly one label is trained with cross-entropy and has softmax scores,
any other with binary cross-entropy. The scores of `data` are the model's `clip_logits`; each further task is an output of its own name.

    auricle train multitask                                          a first run on synthetic sounds
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
from torch import nn

from auricle.core.config import CLIP_LOGITS, ModelConfig, Output
from auricle.core.errors import InputError
from auricle.data.item import Item
from auricle.data.waves import Waves
from auricle.metrics.bootstrap import wilson
from auricle.metrics.event import correct
from auricle.metrics.tagging import mean_average_precision
from auricle.models.model import Model
from auricle.recipes.recipe_config import RecipeConfig, compute_losses, encoder_settings, make_batches, make_model_config
from auricle.recipes.recordings import decode_items, label_vocabulary, read_items, read_with
from auricle.recipes.result_folder import write_model_folder
from auricle.signal.frontend import open_frontend
from auricle.tasks import registry
from auricle.train.batches import TargetEncoder
from auricle.train.objective import TaskHead, TaskObjective
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
    end; none by default. encoder: its settings, or the name of a published size. balanced: class-balanced sampling over the labels of all
    tasks.
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
    def kind(self) -> str:
        """The question that it answers, in auricle.tasks."""
        return "event" if self.exclusive else "tagging"

    @property
    def output(self) -> str:
        """Name of the model's output for this task."""
        return CLIP_LOGITS if self.name == FIRST else self.name


def build(config: Config, name: str = "multitask") -> Training:
    """A training of this config. name: of the model."""
    torch.manual_seed(config.seed)
    tasks = read_tasks(config)
    encoder = {**encoder_settings(config.encoder), "labels": 0} if isinstance(config.encoder, str) else config.encoder
    model = Model(add_heads(make_model_config(encoder, name=name, window=config.window), tasks)).train()
    items = [dataclasses.replace(item, labels=_columns(task, item.labels), events=()) for task in tasks for item in task.items]
    columns = [column for task in tasks for column in _columns(task, task.labels)]
    rate = open_frontend(model.config.frontend).rate
    held_out = {task.name: decode_items(task.held_out, config.cache, rate=rate) for task in tasks if task.held_out}
    heads = [
        TaskHead(registry.find(task.kind), task.output, model.config.outputs[task.output], config.weights.get(task.name, 1.0))
        for task in tasks
    ]
    targets = {task.output: _target(task, head) for task, head in zip(tasks, heads, strict=True)}
    return Training(
        model=TaskObjective(model, heads),
        objective=compute_losses,
        batches=make_batches(config, items, model.config.frontend, balanced=config.balanced, labels=columns, targets=targets),
        settings=config.train,
        finish=lambda multi, out: finish(multi, out, tasks, held_out),
    )


def read_tasks(config: Config) -> list[Task]:
    """Read the tasks of a config, that of `data` first. Synthetic sounds have two: which kinds occur, and which occurs first."""
    items_of = {FIRST: read_items(config, "labels")}
    for name, path in config.tasks.items():
        if name == FIRST or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise InputError(f"task {name!r}; wanted lower-case letters, digits and underscores, and not {FIRST!r}, the task of `data`")
        items_of[name] = read_with(path, "labels")
    if config.data is None and not config.tasks:
        items_of["first"] = [
            dataclasses.replace(item, labels=(item.captions[0].text.split(", then ")[0],), events=()) for item in items_of[FIRST]
        ]
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
        decoded = None if task.output == CLIP_LOGITS else task.kind
        activation = registry.find(task.kind).activation
        outputs[task.output] = Output(kind="clip_scores", head="linear", labels=task.labels, activation=activation, task=decoded)
    return ModelConfig(**{**dict(settings), "outputs": outputs})


def _target(task: Task, head: TaskHead) -> TargetEncoder:
    """The encoder of targets of a task; NaN for clips of other tasks."""
    prefix = _columns(task, ("",))[0]

    def encode(item: Item, start: float, seconds: float) -> np.ndarray:
        own = [label.removeprefix(prefix) for label in item.labels if label.startswith(prefix)]
        return head.task.encode(own, head.spec, seconds) if own else np.full(len(task.labels), np.nan, np.float32)

    return encode


def _columns(task: Task, labels: Sequence[str]) -> tuple[str, ...]:
    """Labels with the name of their task, so that labels of different tasks differ."""
    return tuple(f"{task.name}: {label}" for label in labels)


def finish(multi: nn.Module, out: Path, tasks: Sequence[Task], held_out: Mapping[str, Waves]) -> dict[str, float]:
    """Write out/model. Returns for each task accuracy with its interval, or mean average precision, on the held-out items."""
    assert isinstance(multi, TaskObjective)
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
