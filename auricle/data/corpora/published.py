"""Clips of a published download: the file of each, the part to use, and the columns of its row in `clips.csv`.

Each corpus module has `published(download)`, which iterates over the folder that a user downloaded or cloned; `python -m recipes.prepare`
decodes, converts and writes the clips.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from auricle.core.errors import InputError


@dataclass(frozen=True)
class PublishedClip:
    """One clip of a download.

    path: the file. filename: target under the corpus's folder; its extension decides the format. rate: highest sample rate, Hz; None:
    the file's own. start, seconds: the part to use; a negative start counts from the end. copied: True to copy the file unchanged.
    trimmed: True to remove silence at both ends before the part is taken. peak_dbfs: a lower peak is raised to this level.
    The other fields are columns of the row.
    """

    path: Path
    filename: str
    label: str
    source: str
    licence: str
    author: str = ""
    url: str = ""
    target: str = ""
    fold: str = ""
    extra: str = ""
    rate: int | None = None
    start: float = 0.0
    seconds: float | None = None
    copied: bool = False
    trimmed: bool = False
    peak_dbfs: float | None = None


def find_path(download: Path, pattern: str, wanted: str) -> Path:
    """The first match of pattern in a download, or in a folder of it. InputError, which mentions `wanted`, where there is none."""
    found = sorted(download.glob(pattern)) or sorted(download.glob(f"*/{pattern}"))
    if not found:
        raise InputError(f"{download} contains no {pattern}; wanted {wanted}")
    return found[0]


def list_files(folder: Path, pattern: str, wanted: str) -> Iterator[Path]:
    """Iterate over the matching files of a folder by name. InputError, which mentions `wanted`, where there is none."""
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not found:
        raise InputError(f"{folder} contains no {pattern}; wanted {wanted}")
    yield from found


def without_number(name: str) -> str:
    """`back_001` and `click1` -> `back` and `click`."""
    return re.sub(r"[_.]?\d+$", "", name)
