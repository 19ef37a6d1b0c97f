"""Checkpoints of a training: written whole or not at all, read without running any foreign code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from auricle.core.files import PARTIAL, atomic_file, make_folder


def save(path: Path, state: dict[str, Any]) -> None:
    """Write state (tensors and plain values), whole or not at all. WriteError where it cannot be written."""
    make_folder(path.parent)
    with atomic_file(path) as partial, partial.open("wb") as file:
        torch.save(state, file)


def load(path: Path) -> dict[str, Any]:
    """The state that `save` wrote."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def path_of(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step-{step:08}.pt"


def found(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    steps = {int(name[1]): path for path in folder.glob("step-*.pt") if (name := re.fullmatch(r"step-(\d{8,})\.pt", path.name))}
    return [steps[step] for step in sorted(steps)]


def prune(folder: Path, *, keep: int) -> None:
    """Remove all but the newest few, and what killed runs left half written."""
    for path in [*found(folder)[:-keep], *folder.glob(f".step-*{PARTIAL}")]:
        path.unlink(missing_ok=True)
