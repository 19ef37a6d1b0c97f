"""librosa's example recordings: music, speech, a robin and whales, CC BY or public domain (github.com/librosa/data)."""

from __future__ import annotations

from pathlib import Path

from auricle.data.corpora.table import Row, read_table

FOLDER = "librosa_examples"
WORDS = {
    "music": ("music",),
    "orchestral music": ("music", "orchestra"),
    "trumpet": ("music", "trumpet"),
    "song with vocals": ("music", "singing"),
    "humpback whale song": ("whale song",),
    "bird song": ("chirping birds",),
    "speech": ("speech",),
}


def read(root: str | Path) -> list[Row]:
    """10 rows, some of them minutes long."""
    return read_table(root, FOLDER, "librosa_examples", lambda row: WORDS.get(row.label, ()))
