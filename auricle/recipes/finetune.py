"""Fine-tuning: new heads for your labels or events on the encoder of any model, and the encoder with them where wanted.

The heads are first fitted to the frozen encoder (a linear probe; Kumar et al. 2022, arXiv:2202.10054); `method=head` does only that.
`layers` then trains every layer, deeper ones more slowly, `whole` all alike, and `lora` low-rank updates of linear layers. A share of the
sources is left out of training: it stops the training early, chooses the weights, and calibrates the scores.

    auricle train finetune                                           a first run on synthetic sounds
    auricle train finetune --set start=auricle-tiny --set data=labelled.jsonl
    auricle train finetune --set start=weights.pt --set data=labelled.jsonl --set method=layers --set epochs=20
"""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from auricle.bench.suite import groups
from auricle.core.config import CLIP_LOGITS, EMBEDDING, FORMAT, FRAME_LOGITS, SIMILARITY, ModelConfig, Output, Window
from auricle.core.errors import InputError
from auricle.data import manifest
from auricle.data.item import Item
from auricle.models import folder as folders
from auricle.models.model import Model
from auricle.recipes import validation
from auricle.recipes.pairs import PairsConfig
from auricle.recipes.pairs import build as build_pairs
from auricle.recipes.recipe_config import Positive, RecipeConfig
from auricle.recipes.recordings import decode_items, read_items
from auricle.recipes.result_folder import write_model_folder
from auricle.runtime.catalog import find_folder
from auricle.runtime.tokens import load_tensors
from auricle.signal.frontend import Frontend, open_frontend
from auricle.tasks import registry
from auricle.tasks.task import Task
from auricle.train import probe
from auricle.train.batches import BatchConfig, Batches
from auricle.train.lora import LoraConfig
from auricle.train.objective import ObjectiveConfig, TaskHead, TaskObjective
from auricle.train.trainer import TrainConfig, Training

#: Outputs of the model's own labels, over one vocabulary.
_OWN = (CLIP_LOGITS, FRAME_LOGITS)
#: Linear layers that LoRA adapts by default: all but the heads.
_LORA = LoraConfig(targets=(r"^model\.encoder\.",), modules_to_save=(r"^model\.heads\.",))
_LAYER_DECAY = 0.8
_MAX_LABEL_WEIGHT = 10.0


class Config(RecipeConfig):
    """start: the model, by name or path. data: a manifest with labels or events. tasks: names of tasks, or paths of your own (docs/tasks).

    By default tagging is trained where there are labels, and detection where there are events; a manifest with captions only trains
    retrieval, with the text tower of the start or a new one. method: head, layers, whole or lora.
    window: seconds; None is the model's own. epochs: passes over the clips, instead of train.steps. folds: of the manifest to train on, all
    by default. held_out: share of the sources that is left out for validation; validation_fold: this fold instead. per_class: train on so
    many clips of each label at most, drawn by source. balanced: draw each label equally often. label_weights: weigh rare labels more.
    keep_text: keep the text tower, and with it zero-shot labels; by default only with method=head, since training changes the encoder.
    objective: mixup, SpecAugment, and options against wrong labels.
    """

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {}

    start: str = "auricle-tiny"
    tasks: tuple[str, ...] = ()
    method: Literal["head", "layers", "whole", "lora"] = "head"
    window: Annotated[float, Field(gt=0)] | None = None  # type: ignore[assignment]  # of the start, unless set
    epochs: Annotated[float, Field(gt=0)] | None = 10.0
    folds: tuple[str, ...] = ()
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.15
    validation_fold: str = ""
    per_class: Positive | None = None
    balanced: bool = False
    label_weights: bool = False
    keep_text: bool | None = None
    objective: ObjectiveConfig = ObjectiveConfig()
    batch: Positive = 32
    train: TrainConfig = TrainConfig(steps=200, learning_rate=3e-4, patience=5)


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """What is trained: the new model with its heads, its clips, and those that are left out.

    frontend: with the matrices of the checkpoint, where it has them. extra: further tensors of the folder.
    """

    model: Model
    heads: tuple[TaskHead, ...]
    training: list[Item]
    validation: list[Item]
    start: Path
    frontend: Frontend
    extra: Mapping[str, Tensor]


def build(config: Config) -> Training:
    """Build the training of this config."""
    if config.tasks == ("retrieval",) or (not config.tasks and config.data is not None and _has_only_captions(config.data)):
        return _build_pairs(config)
    torch.manual_seed(config.seed)
    plan = make_plan(config)
    batches, held_out = make_batches(config, plan, plan.training), make_batches(config, plan, plan.validation)
    peer = copy.deepcopy(plan.model) if config.objective.noise == "co-teaching" else None
    objective = TaskObjective(plan.model, plan.heads, config.objective, peer=peer, fixed_norm=True)
    return Training(
        model=objective,
        objective=lambda tasks, batch: tasks(batch),
        batches=batches,
        settings=_train_config(config, batches),
        prepare=lambda tasks, report: _prepare(tasks, plan, batches, held_out, report, penalties=_penalties(config)),
        fit_seconds=lambda: probe.fit_seconds(plan.model, plan.heads, len(batches.items), penalties=_penalties(config)),
        validate=lambda tasks: validate(_model_of(tasks), plan, held_out),
        finish=lambda tasks, out: finish(_model_of(tasks), out, plan, held_out),
    )


def _has_only_captions(data: Path) -> bool:
    items = manifest.read(data)
    return any(item.captions for item in items) and not any(item.labels or item.events for item in items)


def _build_pairs(config: Config) -> Training:
    """A contrastive training on captions, with the text tower of the start, or a new one where it has none that can be trained."""
    if config.folds or config.per_class or config.validation_fold:
        raise InputError("folds, per_class and validation_fold are for labels and events; wanted a manifest of the captions to train on")
    items = read_items(config, "captions")
    update: dict[str, Any] = {} if config.epochs is None else {"steps": max(1, round(config.epochs * len(items) / config.batch))}
    if config.method == "head":
        update["freeze"] = (*config.train.freeze, r"^model\.encoder\.")
    train = config.train.model_copy(update={**_method_settings(config), **update})
    fields = {"data": config.data, "cache": config.cache, "seed": config.seed, "workers": config.workers, "start": config.start}
    batch = min(config.batch, len(items))
    return build_pairs(PairsConfig(**fields, batch=batch, window=config.window or 10.0, train=train), "finetune")  # type: ignore[arg-type]


def _model_of(tasks: nn.Module) -> Model:
    assert isinstance(tasks, TaskObjective)
    return tasks.model


def make_plan(config: Config) -> Plan:
    """Read the manifest and the start, split the clips, and build the model with its new heads."""
    if config.objective.noise == "co-teaching" and config.method in ("layers", "lora"):
        raise InputError(f"co-teaching trains two whole models, but method is {config.method!r}; wanted method=whole")
    named = [registry.find(name) for name in config.tasks]
    fields = tuple(dict.fromkeys(task.field for task in named)) or ("labels", "events")
    items = [item for item in read_items(config, *fields) if not config.folds or item.fold in config.folds]
    if not items:
        raise InputError(f"{config.data}: no clip is in the folds {', '.join(config.folds)}; wanted those of the manifest")
    tasks = named or [registry.find(name) for name in _default_tasks(items)]
    if len({task.output_name for task in tasks}) < len(tasks):
        names = ", ".join(f"{task.name} ({task.output_name})" for task in tasks)
        raise InputError(f"tasks are {names}; wanted tasks of different outputs, such as either tagging or event")
    if any(task.output_name == FRAME_LOGITS for task in tasks) and not any(task.output_name == CLIP_LOGITS for task in tasks):
        tasks.insert(0, registry.find("tagging"))  # events are reported only of labels that are present in the recording
    training, validation = split(items, config)
    if config.per_class is not None:
        training = few(training, config.per_class, seed=config.seed)
    start = find_folder(config.start)
    base = folders.load(start)
    frontend = open_frontend(base.config.frontend, **load_tensors(start / "model.safetensors", folders.FRONTEND))
    rate = _frame_rate(base, frontend) if any(task.kind == "frame_scores" for task in tasks) else base.config.frame_rate
    specs = _outputs_of(tasks, training, rate)
    _check_negatives(specs, training)
    keep_text = config.method == "head" if config.keep_text is None else config.keep_text
    model, extra = folders.build_from(start, _model_config(base.config, _window(base.config, config.window, rate), specs, text=keep_text))
    heads = tuple(
        TaskHead(task, task.output_name, spec, label_weights=_label_weights(task, spec, training) if config.label_weights else None)
        for task, spec in specs.items()
    )
    return Plan(model, heads, training, validation, start, frontend, extra)


def split(items: Sequence[Item], config: Config) -> tuple[list[Item], list[Item]]:
    """Clips for training and for validation; all clips of one source are on one side. InputError where one side is empty."""
    if config.validation_fold:
        out = [item.fold == config.validation_fold for item in items]
    else:
        sources = groups(items)
        names = sorted(set(sources))
        count = max(1, round(config.held_out * len(names)))
        chosen = {names[index] for index in np.random.default_rng(config.seed).permutation(len(names))[:count]}
        out = [source in chosen for source in sources]
    training = [item for item, is_out in zip(items, out, strict=True) if not is_out]
    validation = [item for item, is_out in zip(items, out, strict=True) if is_out]
    if not training or not validation:
        raise InputError(
            f"{len(training)} clips are left for training and {len(validation)} for validation; wanted both, from two sources or more"
        )
    return training, validation


def few(items: Sequence[Item], count: int, *, seed: int) -> list[Item]:
    """At most `count` clips of each label, in random order; a clip with several labels counts for each."""
    taken: Counter[str] = Counter()
    chosen = set()
    for index in np.random.default_rng(seed).permutation(len(items)).tolist():
        if any(taken[label] < count for label in items[index].labels):
            chosen.add(index)
            taken.update(items[index].labels)
    return [item for index, item in enumerate(items) if index in chosen]


def validate(model: Model, plan: Plan, held_out: Batches) -> dict[str, float]:
    """The first metric of each task on the clips that are left out, and first of all their mean, higher is better."""
    logits = validation.clip_logits(model, plan.heads, held_out)
    scores = {head.name: validation.main_figure(head, plan.validation, logits[head.name]) for head in plan.heads}
    mean = {"mean": float(np.mean(list(scores.values())))} if len(scores) > 1 else {}
    return {**mean, **scores}


def finish(model: Model, out: Path, plan: Plan, held_out: Batches) -> dict[str, float]:
    """Calibrate the scores on the clips that are left out, and write out/model. Returns the figures of these clips."""
    logits = validation.clip_logits(model, plan.heads, held_out)
    heads = [dataclasses.replace(head, spec=validation.calibrated(head, plan.validation, logits[head.name])) for head in plan.heads]
    outputs = {**model.config.outputs, **{head.name: head.spec for head in heads}}
    model.config = ModelConfig(**{**dict(model.config), "outputs": outputs})
    tokenizer = plan.start / "tokenizer.json"
    write_model_folder(
        model.eval(),
        out,
        [*plan.training, *plan.validation],
        start=plan.start,
        tokenizer=tokenizer if model.config.text is not None and tokenizer.is_file() else None,
        extra=plan.extra,
    )
    found = {head.task.name: validation.figures(head, plan.validation, logits[head.name]) for head in heads}
    return {f"{task}_{name}": value for task, values in found.items() for name, value in values.items()}


def _prepare(tasks: nn.Module, plan: Plan, batches: Batches, held_out: Batches, report: Any, *, penalties: Sequence[float]) -> None:
    assert isinstance(tasks, TaskObjective)
    frames = any(head.spec.kind == "frame_scores" for head in plan.heads)
    data = probe.encode_all(tasks.model, batches, frames=frames, whole=frames, what="training clips", report=report)
    left_out = probe.encode_all(tasks.model, held_out, frames=frames, whole=True, what="validation clips", report=report)

    def score(head: TaskHead) -> float:
        of_frames = head.spec.kind == "frame_scores"
        with torch.no_grad():
            logits = tasks.model.heads[head.name](left_out.frames if of_frames else left_out.pooled)
        found: validation.ClipLogits = {}
        mask = left_out.mask if of_frames else None
        validation.add_windows(found, logits, mask, left_out.items, left_out.starts.tolist(), left_out.seconds)
        return validation.main_figure(head, plan.validation, found)

    probe.fit_heads(tasks.model, plan.heads, data, score=score, report=report, penalties=penalties)
    if tasks.peer is not None:
        tasks.peer.heads.load_state_dict(tasks.model.heads.state_dict())


def _penalties(config: Config) -> Sequence[float]:
    """L2 penalties that are tried; with weak ones a probe fits all clips, which leaves an encoder no gradient."""
    return probe.PENALTIES if config.method == "head" else probe.STRONG_PENALTIES


def make_batches(config: Config, plan: Plan, items: Sequence[Item]) -> Batches:
    """Batches of clips with the targets of all heads."""
    window = plan.model.config.window
    labels = [head.spec.labels for head in plan.heads if head.task.field in ("labels", "events")]
    return Batches(
        items,
        decode_items(items, config.cache, rate=plan.frontend.rate),
        plan.frontend,
        BatchConfig(
            batch=min(config.batch, len(items)),
            seconds=window.seconds,
            policy=window.pad,
            shortest=window.shortest,
            balanced=config.balanced and items is plan.training,
            seed=config.seed,
            workers=config.workers,
            captions="none",
        ),
        labels=labels[0] if labels else (),
        targets={head.name: validation.target_encoder(head) for head in plan.heads},
    )


def _train_config(config: Config, batches: Batches) -> TrainConfig:
    """The training settings with those of the method, where they are not set, and the steps of the epochs."""
    settings, update = config.train, _method_settings(config)
    epoch = max(1, batches.epoch)
    if config.method == "head":
        update["steps"] = 0
    elif config.epochs is not None:
        update["steps"] = max(1, round(config.epochs * epoch))
    return settings.model_copy(update={**update, "validate_every": min(settings.validate_every, epoch), "seed": config.seed})


def _method_settings(config: Config) -> dict[str, Any]:
    """Training settings of the method, where they are not set."""
    if config.method == "layers" and config.train.layer_decay == 1.0:
        return {"layer_decay": _LAYER_DECAY}
    return {"lora": _LORA} if config.method == "lora" and config.train.lora is None else {}


def _default_tasks(items: Sequence[Item]) -> list[str]:
    """Tasks of the fields that the clips have."""
    return [name for name, field in {"tagging": "labels", "detection": "events"}.items() if any(getattr(item, field) for item in items)]


def _outputs_of(tasks: Sequence[Task], items: Sequence[Item], rate: float) -> dict[Task, Output]:
    """The output of each task, over the vocabulary of the training clips; that of recordings and frames is one and the same."""
    vocabularies = {}
    for task in tasks:
        targets = [target for item in items if (target := getattr(item, task.field))]
        if not targets:
            raise InputError(f"no training clip has {task.field}, which the task {task.name} needs; see docs/data.md")
        vocabularies[task] = tuple(task.vocabulary(targets))
    if any(task.output_name == FRAME_LOGITS for task in tasks):
        common = tuple(sorted({label for task in tasks if task.output_name in _OWN for label in vocabularies[task]}))
        vocabularies |= {task: common for task in tasks if task.output_name in _OWN}
    return {
        task: Output(
            kind=task.kind,
            head="linear",
            labels=vocabularies[task],
            rate=rate if task.kind == "frame_scores" else None,
            activation=task.activation,
            unit=task.unit,
            task=None if task.output_name in _OWN else task.name,
        )
        for task in tasks
    }


def _check_negatives(specs: Mapping[Task, Output], items: Sequence[Item]) -> None:
    """InputError where the only label of a task is that of every clip, so that nothing tells when it is absent."""
    for task, spec in specs.items():
        if task.field == "labels" and len(spec.labels) == 1 and not any(item.events for item in items):
            raise InputError(f"{spec.labels[0]!r} is the only label; wanted clips of other sounds too, with another label, such as 'other'")


def _frame_rate(model: Model, frontend: Frontend) -> float:
    """Frames per second of an encoder, for a window of the model."""
    samples = np.zeros(round(model.config.window.seconds * frontend.rate), np.float32)
    with torch.no_grad():
        return float(model.encode(torch.from_numpy(frontend.features(samples)[None])).frame_rate)


def _window(config: ModelConfig, seconds: float | None, rate: float) -> Window:
    """The window of the start, or one of another length; its hop is a whole number of frames at `rate`, a tenth shorter than the window."""
    window = config.window
    whole = abs(window.hop * rate - round(window.hop * rate)) < 1e-6
    if seconds is None and whole:
        return window
    seconds = seconds or window.seconds
    hop = max(1.0, np.floor(0.9 * seconds * rate)) / rate
    return Window(
        seconds=seconds, hop=min(seconds, hop), pad=window.pad, shortest=min(window.shortest, seconds), min_frames=window.min_frames
    )


def _model_config(before: ModelConfig, window: Window, specs: Mapping[Task, Output], *, text: bool) -> ModelConfig:
    """The config of the new model: encoder, projection and embeddings of the start, and the outputs of the tasks in place of its own."""
    outputs = {name: output for name, output in before.outputs.items() if name in (EMBEDDING, SIMILARITY)}
    outputs |= {task.output_name: spec for task, spec in specs.items()}
    similarity = outputs[SIMILARITY]
    if similarity.head == "components and labels":
        components = (similarity.dim or 0) - len(before.labels)
        labels = len(outputs[CLIP_LOGITS].labels) if CLIP_LOGITS in outputs else 0
        update = {"dim": components + labels} if labels else {"head": "pooled", "dim": None}
        outputs[SIMILARITY] = similarity.model_copy(update=update)
    name = f"{before.name}-finetuned"
    fields = {**dict(before), "name": name, "source": f"fine-tuned by auricle from {before.name}", "window": window, "outputs": outputs}
    return ModelConfig(**{**fields, "format": FORMAT, "text": before.text if text else None})


def _label_weights(task: Task, spec: Output, items: Sequence[Item]) -> Tensor | None:
    """Weights (K,) of labels: the square root of how much rarer a label is than the most frequent one, at most 10. None for values."""
    if task.field not in ("labels", "events"):
        return None
    counts = Counter(label for item in items for label in item.labels)
    most = max(counts.values())
    return torch.tensor([min(_MAX_LABEL_WEIGHT, (most / max(counts[label], 1)) ** 0.5) for label in spec.labels])
