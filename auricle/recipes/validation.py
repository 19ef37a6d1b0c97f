"""Validation of the heads of a model on clips that are left out of training: metrics of their tasks, and calibration of their scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from auricle.core.config import LogitCalibration, Output
from auricle.core.errors import InputError
from auricle.data.item import Item
from auricle.listen.scores import score_function
from auricle.models.model import Model
from auricle.tasks.task import Windows
from auricle.train.batches import Batches, TargetEncoder
from auricle.train.calibrate import fit_platt, fit_temperature
from auricle.train.objective import TaskHead

#: Strength that pulls the intercepts of labels together, since a label has few clips in the validation.
_PRIOR = 20.0

#: Logits of one output in the windows of clips, by the index of the clip.
ClipLogits: TypeAlias = dict[int, Windows]


@torch.no_grad()
def clip_logits(model: Model, heads: Sequence[TaskHead], batches: Batches) -> dict[str, ClipLogits]:
    """Logits of each output, for all windows of every clip."""
    device = next(model.parameters()).device
    found: dict[str, ClipLogits] = {head.name: {} for head in heads}
    for batch, starts in batches.in_order(whole=True):
        encoded = model.encode(batch.features.to(device), batch.mask.to(device))
        outputs, seconds = model.apply_heads(encoded), batch.mask.sum(dim=1) / batches.frontend.frame_rate
        for head in heads:
            lengths = encoded.mask if head.spec.kind == "frame_scores" else None
            add_windows(found[head.name], outputs[head.name], lengths, batch.items, starts, seconds)
    return found


def add_windows(found: ClipLogits, logits: Tensor, mask: Tensor | None, items: Tensor, starts: Sequence[float], seconds: Tensor) -> None:
    """Add the logits (B, ...) of windows, whose frames are cut to their masks, to those of their clips."""
    rows = logits.float().cpu().numpy()
    lengths = None if mask is None else mask.sum(dim=1).tolist()
    for row, (index, start, length) in enumerate(zip(items.tolist(), starts, seconds.tolist(), strict=True)):
        before = found.get(index, Windows([], [], []))
        values = rows[row] if lengths is None else rows[row, : lengths[row]]
        found[index] = Windows([*before.values, values], [*before.starts, start], [*before.seconds, length])


def figures(head: TaskHead, items: Sequence[Item], logits: ClipLogits) -> dict[str, float]:
    """Metrics of a task."""
    metrics = head.task.metrics(_rows(head, items, logits))
    return {name: metric.statistic(metric.rows) for name, metric in metrics.items() if len(metric.rows)}


def main_figure(head: TaskHead, items: Sequence[Item], logits: ClipLogits) -> float:
    """The first metric of a task, negative where lower is better."""
    metric = next(iter(head.task.metrics(_rows(head, items, logits)).values()))
    value = metric.statistic(metric.rows) if len(metric.rows) else float("nan")
    return -value if metric.lower_is_better else value


def _rows(head: TaskHead, items: Sequence[Item], logits: ClipLogits) -> list[Mapping[str, Any]]:
    """The row of each clip that has a target of the task with a known label."""
    activate = (lambda values: values) if head.spec.kind == "clip_values" else score_function(head.spec)
    rows: list[Mapping[str, Any]] = []
    for index, windows in logits.items():
        target = getattr(items[index], head.task.field)
        if not target or not set(head.task.vocabulary([target])) & set(head.spec.labels):
            continue
        duration = windows.starts[-1] + windows.seconds[-1]
        if head.task.field == "events":
            target = cut_events(target, 0.0, duration)
        scores = Windows([activate(value) for value in windows.values], windows.starts, windows.seconds)
        rows.append(dict(head.task.row(target, scores, head.spec, duration)))
    if not rows:
        raise InputError(f"no validation clip has {head.task.field} of the training clips; wanted more clips, or a larger held_out")
    return rows


def calibrated(head: TaskHead, items: Sequence[Item], logits: ClipLogits) -> Output:
    """The output with a calibration fitted to the clips; as it is for values."""
    if head.spec.kind == "clip_values":
        return head.spec
    encode = target_encoder(head)
    given, truth = [], []
    for index, windows in logits.items():
        for value, start, seconds in zip(windows.values, windows.starts, windows.seconds, strict=True):
            rows, targets = np.atleast_2d(value), np.atleast_2d(encode(items[index], start, seconds))
            count = min(len(rows), len(targets))
            given.append(rows[:count])
            truth.append(targets[:count])
    known = ~np.isnan(np.concatenate(truth)).any(axis=1)
    given_rows, truth_rows = np.concatenate(given)[known], np.concatenate(truth)[known]
    if head.spec.activation == "softmax":
        each = np.arange(len(given_rows))
        scale = fit_temperature(given_rows, truth_rows.argmax(axis=1), clips=each, seconds=np.ones(len(each)))
        calibration = LogitCalibration(scale=(scale,) * len(head.spec.labels), bias=(0.0,) * len(head.spec.labels))
    else:
        calibration = fit_platt(given_rows, truth_rows, prior=_PRIOR).to_config()
    return head.spec.model_copy(update={"calibration": calibration})


def target_encoder(head: TaskHead) -> TargetEncoder:
    """The encoder of targets of a head, for crops of clips; NaN where a clip has no target of the task.

    A crop has the events, cut to it, and the labels of these events; labels without an event count for every crop of the clip.
    """

    def encode(item: Item, start: float, seconds: float) -> np.ndarray:
        target = getattr(item, head.task.field)
        if not target:
            empty = head.task.encode((), head.spec, seconds) if head.task.field == "events" else np.zeros(len(head.spec.labels), np.float32)
            return np.full_like(empty, np.nan)
        if head.task.field == "events":
            target = cut_events(target, start, seconds)
        elif head.task.field == "labels" and item.events and head.spec.activation == "sigmoid":
            inside, timed = ({event.label for event in events} for events in (cut_events(item.events, start, seconds), item.events))
            target = [label for label in target if label in inside or label not in timed]
        return head.task.encode(target, head.spec, seconds)

    return encode


def cut_events(events: Sequence[Any], start: float, seconds: float) -> list[Any]:
    """The events inside a crop, with times from its start."""
    cut = [dataclasses.replace(event, onset=max(0.0, event.onset - start), offset=min(seconds, event.offset - start)) for event in events]
    return [event for event in cut if event.offset > event.onset]
