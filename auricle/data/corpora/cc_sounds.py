"""CC-Sounds of Cataclysm: DDA: footsteps by surface, weapons, vehicles, doors, voices; CC0 or CC BY by clip.

Source: github.com/Fris0uman/CDDA-Soundpacks, sound/CC-Sounds; most sounds are from Freesound. Labels are from paths.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.assembled import published_clips, read_assembled
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.published import PublishedClip

FOLDER = "cc_sounds"
#: Loading is no shot.
LABELS = {"shell-load": "gun reloading"}


def read(root: str | Path) -> list[Row]:
    """366 rows; a third of the labels are approximate (`row.sure`)."""
    return read_assembled(root, FOLDER, "cc_sounds", labels=LABELS)


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of Fris0uman/CDDA-Soundpacks: the sounds that the credits.md of their folders put under CC0 or CC BY, without the music."""
    return published_clips(download, "cc_sounds")
