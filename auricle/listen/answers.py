"""Answers of the outputs beyond a model's own labels: each named output is decoded by its task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from auricle.core.config import ModelConfig, Output
from auricle.core.errors import InputError
from auricle.listen.pipeline import WindowResult
from auricle.tasks import registry
from auricle.tasks.task import Task, Windows


def find_tasks(config: ModelConfig, own: Sequence[Task]) -> dict[str, Task]:
    """The task of each output that names one, by the name of the output: one of your own, or a built-in one; others are left out.

    InputError for two tasks of one name, or one that fits no output.
    """
    by_name = {task.name: task for task in own}
    if len(by_name) != len(own):
        raise InputError(f"tasks are {', '.join(task.name for task in own)}; wanted each name once")
    found = {}
    for name, output in config.outputs.items():
        if output.task in by_name or output.task in registry.BUILT_IN:
            task = by_name.get(output.task) or registry.find(output.task)
            if task.kind != output.kind:
                raise InputError(
                    f"task {task.name} decodes {task.kind}, but the output {name} has {output.kind}; wanted the task it was trained for"
                )
            found[name] = task
    if unused := by_name.keys() - {task.name for task in found.values()}:
        names = ", ".join(output.task for output in config.outputs.values() if output.task) or "none"
        raise InputError(f"{config.name} has no output for the task {min(unused)}; it has outputs for these tasks: {names}")
    return found


class Collector:
    """Collects the values of one output over the windows of a recording, and decodes them by its task."""

    def __init__(self, name: str, task: Task, output: Output) -> None:
        self.name = name
        self._task, self._output = task, output
        self._values: list[np.ndarray] = []
        self._starts: list[float] = []
        self._seconds: list[float] = []

    def add(self, window: WindowResult) -> None:
        """Add the next window; a silent one does not count."""
        if window.sounding:
            self._values.append(window.further[self.name])
            self._starts.append(window.start)
            self._seconds.append(window.seconds)

    @property
    def windows(self) -> Windows:
        """The windows so far."""
        return Windows(self._values, self._starts, self._seconds)

    def answer(self, duration: float) -> Any:
        """The record of the task, None for a silent recording."""
        return self._task.decode(self.windows, self._output, duration) if self._values else None
