"""Small open collections: body percussion, guitar chords, drones and helicopters, notifications, effects of games; by clip.

CC0, CC BY, public domain, MIT or BSD. Sources: the repositories and Debian packages that docs/data.md lists. Sounds of science fiction have
no label.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.assembled import published_clips, read_assembled
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.published import PublishedClip

FOLDER = "open_misc"


def read(root: str | Path) -> list[Row]:
    """656 rows; a sixth of the labels are approximate (`row.sure`)."""
    return read_assembled(root, FOLDER, "open_misc")


def published(download: Path) -> Iterator[PublishedClip]:
    """A folder with clones of nine repositories and three unpacked Debian packages."""
    return published_clips(download, "open_misc")
