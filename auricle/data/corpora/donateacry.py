"""Donate-a-cry: 96 baby cries with the parent's guess at the reason; ODbL, so for tests only.

Source: github.com/gveres/donateacry-corpus.
"""

from __future__ import annotations

from pathlib import Path

from auricle.data.corpora.table import Row, read_table

FOLDER = "donateacry_8k"


def read(root: str | Path) -> list[Row]:
    """96 rows; the reason is in `label`, the uploading phone is the source."""
    return read_table(root, FOLDER, "donateacry", lambda row: ("crying baby",))
