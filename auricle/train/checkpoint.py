"""Checkpoints of a training run: written atomically, read without unpickling code (`weights_only`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from auricle.core.files import PARTIAL, atomic_file, make_folder


def save(path: Path, state: dict[str, Any]) -> None:
    """Write state (tensors and plain values) atomically. Raises WriteError where the file cannot be written."""
    make_folder(path.parent)
    with atomic_file(path) as partial, partial.open("wb") as file:
        torch.save(state, file)


def load(path: Path) -> dict[str, Any]:
    """Read the state that `save` wrote, on the CPU."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def step_path(folder: Path, step: int) -> Path:
    """Path of the checkpoint of a step."""
    return folder / f"step-{step:08}.pt"


def list_paths(folder: Path) -> list[Path]:
    """List the checkpoints of a folder, oldest first."""
    steps = {int(name[1]): path for path in folder.glob("step-*.pt") if (name := re.fullmatch(r"step-(\d{8,})\.pt", path.name))}
    return [steps[step] for step in sorted(steps)]


def prune(folder: Path, *, keep: int) -> None:
    """Delete all but the newest `keep` checkpoints, and partial files of killed runs."""
    for path in [*list_paths(folder)[:-keep], *folder.glob(f".step-*{PARTIAL}")]:
        path.unlink(missing_ok=True)
