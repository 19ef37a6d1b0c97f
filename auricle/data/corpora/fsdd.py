"""Free Spoken Digit Dataset: ten digits, six speakers, CC BY-SA: for tests only."""

from __future__ import annotations

from pathlib import Path

from auricle.data.corpora.table import Row, read_table

FOLDER = "fsdd_8k"


def read(root: str | Path) -> list[Row]:
    """1200 rows; the digit is in `label`, the speaker is the source."""
    return read_table(root, FOLDER, "fsdd", lambda row: ("speech",))
