"""Wake words and other short phrases (Mycroft Precise Community Data), public domain."""

from __future__ import annotations

from pathlib import Path

from auricle.data.corpora.table import Row, read_table

FOLDER = "wakewords_16k"


def read(root: str | Path) -> list[Row]:
    """190 rows; the phrase itself is in `label` and `extra`."""
    return read_table(root, FOLDER, "wakewords", lambda row: ("speech",))
