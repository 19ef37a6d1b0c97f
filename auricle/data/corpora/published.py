"""A clip as its corpus publishes it: where it lies in the download, and what its row in `clips.csv` will say.

Each corpus file has `published(download)`, which walks the folder that a user downloaded or cloned; `python -m recipes.prepare`
decodes, converts and writes what it yields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from auricle.core.errors import InputError


@dataclass(frozen=True)
class Published:
    """One clip of a download.

    path: the file. filename: where it goes under the corpus's folder; the ending decides the format. The rest are columns of
    the row. rate: the highest rate kept, Hz; None keeps the file's own. start, seconds: the part that is kept; a start below
    zero counts from the end. copied: the file is taken over byte for byte.
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


def find(download: Path, pattern: str, wanted: str) -> Path:
    """The one place under a download that matches; the download may be the repository or a folder that holds it."""
    found = sorted(download.glob(pattern)) or sorted(download.glob(f"*/{pattern}"))
    if not found:
        raise InputError(f"{download} holds no {pattern}; wanted {wanted}")
    return found[0]


def files(folder: Path, pattern: str, wanted: str) -> Iterator[Path]:
    """Files of a folder by name; an error says what was wanted where there is none."""
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not found:
        raise InputError(f"{folder} holds no {pattern}; wanted {wanted}")
    yield from found


def without_number(name: str) -> str:
    """`back_001` and `click1` -> `back` and `click`."""
    return re.sub(r"[_.]?\d+$", "", name)
