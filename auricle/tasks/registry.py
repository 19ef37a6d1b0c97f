"""Tasks by name: the built-in ones, and a file of your own by its path."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

from auricle.core.errors import InputError
from auricle.tasks.task import Task

#: Tasks that a model output can serve, by name. (Retrieval compares vectors of two outputs, and is scored by a protocol of its own.)
BUILT_IN = ("event", "tagging", "detection")


def find(name: str) -> Task:
    """A task by its name, or by the path of a .py file that defines TASK; the file is executed. InputError where there is none."""
    if name.endswith(".py"):
        return _from_file(Path(name))
    if name not in BUILT_IN:
        raise InputError(f"no task {name!r}; wanted one of {', '.join(BUILT_IN)}, or the path of a .py file with one (docs/tasks/own.md)")
    task: Task = importlib.import_module(f"auricle.tasks.{name}").TASK
    return task


def _from_file(path: Path) -> Task:
    spec = importlib.util.spec_from_file_location(f"auricle_task_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InputError(f"{path}: no such file; wanted a .py file that defines TASK (docs/tasks/own.md)")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    task = getattr(module, "TASK", None)
    if not isinstance(task, Task):
        raise InputError(f"{path}: defines no TASK; wanted TASK = Task(...) (docs/tasks/own.md)")
    return task
