"""Places, weather, crowds, machines and single sounds from many small repositories: CC0, CC BY or public domain by clip.

Most are recordings of Freesound and SoundBible. Sources: the repositories that docs/data.md lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.assembled import published_clips, read_assembled
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.published import PublishedClip

FOLDER = "open_ambience"
#: The table took "train" for "rain".
LABELS = {"openrct2-train-whistle": "steam train whistle"}


def read(root: str | Path) -> list[Row]:
    """208 rows; up to three segments of a recording, with one source."""
    return read_assembled(root, FOLDER, "open_ambience", labels=LABELS)


def published(download: Path) -> Iterator[PublishedClip]:
    """A folder with clones of fourteen repositories: the first segment of each recording."""
    return published_clips(download, "open_ambience")
