"""Any task on a manifest: the model's output for the task, decoded and compared with the manifest by the task itself.

A clip without a target of the task is left out. Metrics: those of the task.
"""

from __future__ import annotations

import numpy as np

from auricle.bench import suite as suites
from auricle.bench.embeddings import open_source
from auricle.bench.protocols.protocol import EvaluationInput
from auricle.core.config import CLIP_LOGITS, FRAME_LOGITS, ModelConfig
from auricle.core.errors import InputError, SoundError
from auricle.data.item import Item
from auricle.listen.pipeline import WindowResult, Worker
from auricle.metrics.resampled import Row
from auricle.tasks import registry
from auricle.tasks.task import Task, Windows

_SHOWN = 3  # failed clips in an error


def run(inputs: EvaluationInput) -> list[Row]:
    """A row per clip that has a target: its id, its group, and the fields of the task."""
    task = registry.find(str(inputs.suite.task))
    name = find_output(inputs.listener.config, task)
    spec = inputs.listener.config.outputs[name]
    items = [item for item in inputs.items if getattr(item, task.field)]
    if not items:
        raise InputError(f"no clip has {task.field}, which the task {task.name} needs; wanted a manifest with them (docs/data.md)")
    rows: list[Row] = []
    failed = []
    results = inputs.listener.pipeline.each(items, lambda item, worker: _windows(item, worker, name))
    for item, group, result in zip(items, suites.groups(items), results, strict=True):
        if isinstance(result, SoundError):
            failed.append(f"{item.id}: {result}")
        else:
            rows.append({"id": item.id, "group": group, **task.row(getattr(item, task.field), result[0], spec, result[1])})
    if failed:
        more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        raise InputError(f"{len(failed)} of {len(items)} clips cannot be read: {'; '.join(failed[:_SHOWN])}{more}; leave them out")
    return rows


def find_output(config: ModelConfig, task: Task) -> str:
    """Name of the output that answers a task. InputError where the model has none, or one of another kind."""
    name = next((name for name, output in config.outputs.items() if output.task == task.name), task.output_name)
    output = config.outputs.get(name)
    if output is None or output.kind != task.kind:
        raise InputError(
            f"{config.name} has no output for the task {task.name}; wanted a model trained for it: auricle train finetune --set tasks=..."
        )
    return name


def _windows(item: Item, worker: Worker, name: str) -> tuple[Windows, float]:
    """Values of an output in the windows of a clip that are not silent, and the clip's duration in seconds."""
    try:
        with open_source(item) as source, worker.open(source) as recording:
            parts = [part for part in recording if part.sounding]
    except InputError as error:  # a shard without the member, or a segment after the end of the file
        raise SoundError(str(error)) from error
    if recording.error:
        raise SoundError(recording.error)
    values = [_value(part, name) for part in parts]
    return Windows(values, [part.start for part in parts], [part.seconds for part in parts]), recording.sound.end


def _value(part: WindowResult, name: str) -> np.ndarray:
    if name == FRAME_LOGITS:
        assert part.frames is not None
        return part.frames
    return part.clip if name == CLIP_LOGITS else part.further[name]
