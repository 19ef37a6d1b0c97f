"""The log of a training: a line a step in log.csv, and the same for TensorBoard where that is installed."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auricle.core.files import naming, write_text

FILE = "log.csv"


class Log:
    """Rows of numbers by step. A run that goes on from a step writes over what was logged from there."""

    def __init__(self, folder: Path, *, start: int) -> None:
        self._path = folder / FILE
        rows = [row for row in read(folder) if int(row["step"]) <= start]
        self._columns = list(rows[0]) if rows else []
        self._write(rows)
        self._board = _board(folder, start)

    @property
    def told(self) -> str:
        """Where things are logged, for people."""
        return f"log: {self._path}" + ("" if self._board else " (TensorBoard is not installed: this file only)")

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """One row; a figure that is new gets a column of its own."""
        row = {"step": step, **{name: f"{value:.7g}" for name, value in figures.items()}}
        if set(row) - set(self._columns):
            rows = read(self._path.parent)
            self._columns += [name for name in row if name not in self._columns]
            self._write(rows)
        with naming(self._path), self._path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(row)
        for name, value in figures.items() if self._board else ():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Nothing more comes."""
        if self._board:
            self._board.close()

    def _write(self, rows: list[dict[str, str]]) -> None:
        if not self._columns:
            self._path.unlink(missing_ok=True)
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns)
        writer.writeheader()
        writer.writerows(rows)
        write_text(self._path, text.getvalue())


def read(folder: Path) -> list[dict[str, str]]:
    """The rows of a folder's log, whole ones only: the last line of a run that was killed may be half a line."""
    path = folder / FILE
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return list(csv.DictReader([line for line in lines if line.endswith("\n")]))


def _board(folder: Path, start: int) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)
