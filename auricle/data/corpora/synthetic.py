"""Synthetic sounds, made by `python -m recipes.synthetic`: for training alone. CC0, or by the licence of a sound font or voice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table

CORPUS = FOLDER = "synthetic"
#: First word of the column `extra` of every row; the settings of the generator follow.
MARK = "synthetic"
_BETWEEN = "; "


def read(root: str | Path) -> list[Row]:
    """A row for each clip that was made; its labels are those in the column `label`, general ones first."""
    return read_table(root, FOLDER, CORPUS, split_labels, command=f"python -m recipes.synthetic --out {root}")


def split_labels(row: Row) -> tuple[str, ...]:
    """The labels of a row."""
    return tuple(row.label.split(_BETWEEN)) if row.label else ()


def join_labels(labels: Iterable[str]) -> str:
    """The column `label` of a clip with these labels."""
    return _BETWEEN.join(labels)
