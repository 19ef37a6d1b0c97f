"""Animal voices of two Luanti mods, petz and MineClone5: CC0, CC BY, MIT or public domain by clip.

Source: github.com/runsy/petz, petz/sounds, and github.com/kay27/MineClone5, mods/ENTITIES/mobs_mc/sounds; many are from Freesound.
Voices of invented creatures have no label.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.assembled import published_clips, read_assembled
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.published import PublishedClip

FOLDER = "luanti_animals"


def read(root: str | Path) -> list[Row]:
    """195 rows; two fifths of the labels are approximate (`row.sure`)."""
    return read_assembled(root, FOLDER, "luanti_animals")


def published(download: Path) -> Iterator[PublishedClip]:
    """A folder with clones of both: the sounds whose own entry in the list of licences is open."""
    return published_clips(download, "luanti_animals")
