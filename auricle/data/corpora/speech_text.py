"""Six clips of read speech with transcripts, public domain."""

from __future__ import annotations

from pathlib import Path

from auricle.data.corpora.table import Row, read_table

FOLDER = "speech_text"


def read(root: str | Path) -> list[Row]:
    """6 rows."""
    return read_table(root, FOLDER, "speech_text", lambda row: ("speech",))
