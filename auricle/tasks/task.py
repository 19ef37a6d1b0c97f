"""What every question file declares: output shape, head and loss by name, so that nothing heavy is imported, and the metric."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any, Literal

#: The shapes that answers come in; heads and losses are named by them, tasks and metrics by the question.
Output = Literal["clip_scores", "frame_scores", "vectors"]

#: Every question that auricle answers, in the order of docs/tasks.
NAMES = ("event", "tagging", "detection", "retrieval")


@dataclasses.dataclass(frozen=True)
class Task:
    """One question. head: the runtime's output that it reads. loss: named by the shape of the answer.

    metric: (targets, score arrays, labels) of several clips to the main figure, whose best value is `best`.
    """

    name: str
    question: str
    output: Output
    head: str
    loss: str
    metric: Callable[..., float]
    best: float
    higher_is_better: bool = True


def task(name: str) -> Any:
    """The module of one question: Target, encode, decode and TASK."""
    return importlib.import_module(f"auricle.tasks.{name}")
