"""ESC-50: 50 kinds of environmental sound, 5 s each, in folds that keep clips of one recording together.

Source: K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015; github.com/karolpiczak/ESC-50.
The collection is CC BY-NC 3.0; every clip also has its own Freesound licence, which is the one in the table.
"""

from __future__ import annotations

from pathlib import Path

from auricle.data.corpora.table import Row, read_table

FOLDER = "esc50_16k"


def read(root: str | Path) -> list[Row]:
    """1600 rows (folds 1 to 4); the word is the category with spaces for underscores."""
    return read_table(root, FOLDER, "esc50", lambda row: (plain(row.label),))


def plain(category: str) -> str:
    """`crying_baby` -> `crying baby`."""
    return category.replace("_", " ")
