"""Sound event detection: what the model finds in each clip, and when, against the events of the clip.

A model with frame-level scores is scored by them; one that scores whole windows only by those of short overlapping windows of the suite
(auricle.listen.timeline.WindowBlocks), and the result says which (`events_from`). Events are those that `Listener.detect` gives. PSDS uses
the frame scores from which they are decoded, after the median filter, at all thresholds; scores are rounded to three digits, and those
below 0.001 count as 0.

Metrics: those of auricle.tasks.detection.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from auricle.bench import suite as suites
from auricle.bench.embeddings import open_source
from auricle.bench.protocols.protocol import EvaluationInput, own_labels
from auricle.bench.suite import ShortWindows
from auricle.core.errors import InputError, SoundError
from auricle.core.records import EventWindows
from auricle.data.item import Item
from auricle.listen.pipeline import Worker
from auricle.listen.timeline import Block, FrameBlocks, Timeline, WindowBlocks
from auricle.metrics.detection import COLLAR
from auricle.metrics.frames import FrameScores
from auricle.metrics.resampled import Row
from auricle.tasks import detection


def run(inputs: EvaluationInput) -> list[Row]:
    """A row per clip, with the counts of auricle.tasks.detection.grade."""
    labels = suites.vocabulary(inputs.suite, inputs.items, of_events=True)
    columns = own_labels(inputs, labels)
    windows = event_windows(inputs)
    graded = inputs.listener.pipeline.each(
        inputs.items, lambda item, worker: _grade(inputs, item, worker, labels=labels, columns=columns, windows=windows)
    )
    rows: list[Row] = []
    for item, group, one in zip(inputs.items, suites.groups(inputs.items), graded, strict=True):
        if isinstance(one, SoundError):
            raise InputError(f"clip {item.id!r} cannot be read: {one}")
        rows.append({"id": item.id, "group": group, **one})
    return rows


def describe(inputs: EvaluationInput) -> dict[str, Any]:
    """Where the events come from, for the result: `events_from`, "frames" or "windows", and the windows."""
    windows = event_windows(inputs)
    return {"events_from": "frames"} if windows is None else {"events_from": "windows", "event_windows": dataclasses.asdict(windows)}


def event_windows(inputs: EvaluationInput) -> EventWindows | None:
    """The windows for events of a model without frame-level scores; None for other models. InputError where they are too long for it."""
    if inputs.listener.config.frame is not None:
        return None
    settings = inputs.suite.windows or ShortWindows()
    windows = EventWindows(settings.window, settings.hop)
    inputs.listener.check_windows(windows)
    return windows


def _grade(
    inputs: EvaluationInput,
    item: Item,
    worker: Worker,
    *,
    labels: Sequence[str],
    columns: Sequence[int],
    windows: EventWindows | None,
) -> dict[str, Any]:
    config = inputs.listener.config
    with open_source(item) as source, worker.open(source, **({} if windows is None else dataclasses.asdict(windows))) as recording:
        frames = FrameBlocks(config) if windows is None else WindowBlocks(config, windows, hop=recording.sound.hop)
        timeline = Timeline(config, frames)
        blocks = [timeline.add(window) for window in recording]
    if recording.error:
        raise SoundError(recording.error)
    duration = recording.sound.end
    scores = join(blocks, columns, rate=frames.rate, duration=duration)
    scores = np.stack([detection.smooth(column, frame_rate=frames.rate, rule=frames.rule) for column in scores.T], axis=1)
    times = np.minimum(np.arange(len(scores) + 1) / frames.rate, duration)
    names = dict(zip((config.labels[column] for column in columns), labels, strict=True))
    events = [dataclasses.replace(event, label=names[event.label]) for event in timeline.events(duration) if event.label in names]
    frame_scores = FrameScores(detection.round_scores(scores), times, labels)
    return detection.grade(item.events, events, frame_scores, duration, collar=inputs.suite.collar or COLLAR, name=item.id)


def join(blocks: Sequence[Block | None], columns: Sequence[int], *, rate: float, duration: float) -> np.ndarray:
    """Scores (T, K) of these labels in all frames of a recording; 0 where it is silent."""
    scores = np.zeros((max(1, math.ceil(duration * rate - 1e-6)), len(columns)))
    for block in blocks:
        if block is not None:
            part = scores[block.start : block.start + len(block.scores)]  # of the last window, frames after the end are left out
            part[:] = block.scores[: len(part), columns]
    return scores
