"""The training log: log.csv, one row per logged step, and the same values for TensorBoard where it is installed."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auricle.core.files import write_errors, write_text

FILE = "log.csv"


class Log:
    """Rows of numbers by step. A run that resumes from step `start` overwrites the rows after it."""

    def __init__(self, folder: Path, *, start: int) -> None:
        self._path = folder / FILE
        rows = [row for row in read(folder) if int(row["step"]) <= start]
        self._columns = list(rows[0]) if rows else []
        self._write(rows)
        self._writer = _open_tensorboard(folder, start)

    @property
    def description(self) -> str:
        """Where the log is written, as a line for the console."""
        return f"log: {self._path}" + ("" if self._writer else " (TensorBoard is not installed, so only this file is written)")

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Append one row; a figure that is new adds a column."""
        row = {"step": step, **{name: f"{value:.7g}" for name, value in figures.items()}}
        if set(row) - set(self._columns):
            rows = read(self._path.parent)
            self._columns += [name for name in row if name not in self._columns]
            self._write(rows)
        with write_errors(self._path), self._path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(row)
        for name, value in figures.items() if self._writer else ():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Close the TensorBoard writer."""
        if self._writer:
            self._writer.close()

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
    """Read the rows of a folder's log. The last line of a killed run may be incomplete; it is ignored."""
    path = folder / FILE
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return list(csv.DictReader([line for line in lines if line.endswith("\n")]))


def _open_tensorboard(folder: Path, start: int) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)
