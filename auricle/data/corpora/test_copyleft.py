"""Copyleft sounds, for tests only: Philharmonia samples, Wesnoth, KTuberling's speech in many languages, OpenDungeons, LibreOffice.

GPL 2+, CC BY-SA and MPL 2.0. Sources: the repositories and Debian packages that docs/data.md lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.assembled import published_clips, read_assembled
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.published import PublishedClip

FOLDER = "test_copyleft"


def read(root: str | Path) -> list[Row]:
    """307 rows, none of which may train."""
    return read_assembled(root, FOLDER, "test_copyleft")


def published(download: Path) -> Iterator[PublishedClip]:
    """A folder with three clones and three unpacked Debian packages."""
    return published_clips(download, "test_copyleft")
