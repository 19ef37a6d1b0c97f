"""Recorded notes of ten instruments and a drum kit: Discord SFZ GM Bank and Pearl Master Studio; CC0 or CC BY by instrument.

Source: github.com/sfzinstruments/Discord-SFZ-GM-Bank and github.com/oramics/sampled, DRUMS/pearl-master-studio.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.assembled import published_clips, read_assembled
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.published import PublishedClip

FOLDER = "discord_gm"
#: The second piano is an upright one.
LABELS = {"dgm-002-": "upright piano"}


def read(root: str | Path) -> list[Row]:
    """156 rows; all notes of one instrument have one source."""
    return read_assembled(root, FOLDER, "discord_gm", labels=LABELS)


def published(download: Path) -> Iterator[PublishedClip]:
    """A folder with clones of both: up to 16 notes of each instrument whose .sfz file names a licence."""
    return published_clips(download, "discord_gm")
