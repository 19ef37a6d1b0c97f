"""What to index: a folder, a pattern, a file or a table of files in; recordings with notes out, and the places that were looked at."""

from __future__ import annotations

import dataclasses
import glob
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.core.paths import escape_bytes, path_to_text, resolve_path
from auricle.core.table import FILE, Annotation, read_annotations
from auricle.core.table import SUFFIXES as TABLES
from auricle.signal.formats import SUFFIXES, recordings


@dataclasses.dataclass(frozen=True)
class Found:
    """Recordings by absolute path (`path_to_text`), with their notes; None where a place gives none, so that those in the archive stay.

    roots: folders whose recordings were all looked for. unread: folders in them that cannot be read.
    """

    files: Mapping[str, str | None]
    roots: tuple[str, ...]
    unread: tuple[str, ...] = ()

    def covers(self, name: str) -> bool:
        """Was this place looked at, so that a file which is not there is gone?"""
        return any(name.startswith(root.rstrip("/") + "/") for root in self.roots)


def find(places: Iterable[str]) -> Found:
    """Recordings at some places, each a folder, a pattern with * or ?, a table of files or a file."""
    found: list[Path] = []
    notes: dict[str, str | None] = {}
    roots = []
    for place in places:
        path = resolve_path(place).expanduser()
        if os.path.isdir(path):
            roots.append(path_to_text(path.resolve()))
            found += recordings(path.resolve())
        elif path.suffix.lower() in TABLES:
            notes |= _listed(path)
        elif os.path.exists(path):
            found.append(path.resolve())
        else:
            found += _matching(place)
    unread = {path_to_text(path) for path in found if os.path.isdir(path)}
    files = dict.fromkeys(name for name in map(path_to_text, found) if name not in unread)
    files |= {name: said for name, said in notes.items() if said is not None or name not in files}
    return Found(dict(sorted(files.items())), tuple(roots), tuple(sorted(unread)))


def _matching(pattern: str) -> list[Path]:
    if not glob.has_magic(pattern):
        raise InputError(f"{pattern}: is not there; wanted a folder, a file, a table of files, or a pattern such as 'takes/*.wav'")
    found = [Path(name).resolve() for name in glob.glob(str(Path(pattern).expanduser()), recursive=True) if Path(name).is_file()]
    if not found:
        raise InputError(f"{pattern}: matches no file")
    return found


def _listed(table: Path) -> dict[str, str | None]:
    """Files of a table with the other cells of their rows as notes, None without others; of several parts of a file what they share.

    InputError where two rows are for all of one file and contradict each other.
    """
    first: dict[str, Annotation] = {}
    notes: dict[str, dict[str, Any]] = {}
    for row in read_annotations(table, SUFFIXES):
        file = path_to_text(row.file)
        cells = {column: cell for column, cell in row.cells.items() if column.casefold() not in FILE}
        known = notes.setdefault(file, cells)
        before = first.setdefault(file, row)
        if known != cells and (row.onset, row.offset) == (before.onset, before.offset) == (0, math.inf):
            raise InputError(f"{table}: lines {before.line} and {row.line} are both for {row.file.name} and differ; wanted one row a file")
        notes[file] = {column: cell for column, cell in known.items() if cells.get(column) == cell}
    return {file: _note(cells) for file, cells in notes.items()}


def _note(cells: dict[str, Any]) -> str | None:
    other = {column: cell for column, cell in cells.items() if cell not in ("", None)}
    return (escape_bytes(json.dumps(other, ensure_ascii=False)) if other else "") if cells else None
