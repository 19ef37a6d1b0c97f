"""Sounds that students of Berklee College of Music recorded for the OLPC project: tools, kitchens, doors, metal, instruments; CC BY 3.0.

Source: github.com/Tonejs/audio, folder berklee. Labels are from file names; unclear names have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.assembled import published_clips, read_assembled
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.published import PublishedClip

FOLDER = "berklee_olpc"
#: A name that the table took for steps.
LABELS = {"running-water": ""}


def read(root: str | Path) -> list[Row]:
    """2243 rows; takes of one sound (`bell_1`, `bell_2`) have one source."""
    return read_assembled(root, FOLDER, "berklee_olpc", labels=LABELS)


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of Tonejs/audio: the files of berklee, most of its synthesizer sounds left out."""
    return published_clips(download, "berklee_olpc")
