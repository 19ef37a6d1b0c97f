"""Files to index: folders, glob patterns, files and tables of files resolved to a list of recordings with notes."""

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
from auricle.signal.formats import SUFFIXES, find_audio_files


@dataclasses.dataclass(frozen=True)
class FileList:
    """Recordings to index.

    files: absolute paths (as `path_to_text` gives them) with their notes; None leaves the notes in an archive as they are.
    roots: folders that were searched completely. unreadable: folders in them that cannot be read.
    """

    files: Mapping[str, str | None]
    roots: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    def covers(self, name: str) -> bool:
        """Whether a path is in a searched folder, so that a file which is not in the list does not exist."""
        return any(name.startswith(root.rstrip("/") + "/") for root in self.roots)


def find_recordings(places: Iterable[str]) -> FileList:
    """List the recordings of some places, each a folder, a pattern with * or ?, a table of files, or a file.

    InputError where a place does not exist, a pattern matches nothing, or a table has contradictory rows.
    """
    paths: list[Path] = []
    notes: dict[str, str | None] = {}
    roots = []
    for place in places:
        path = resolve_path(place).expanduser()
        if os.path.isdir(path):
            roots.append(path_to_text(path.resolve()))
            paths += find_audio_files(path.resolve())
        elif path.suffix.lower() in TABLES:
            notes |= _read_table(path)
        elif os.path.exists(path):
            paths.append(path.resolve())
        else:
            paths += _match_pattern(place)
    unreadable = {path_to_text(path) for path in paths if os.path.isdir(path)}
    files = dict.fromkeys(name for name in map(path_to_text, paths) if name not in unreadable)
    files |= {name: given for name, given in notes.items() if given is not None or name not in files}
    return FileList(dict(sorted(files.items())), tuple(roots), tuple(sorted(unreadable)))


def _match_pattern(pattern: str) -> list[Path]:
    if not glob.has_magic(pattern):
        raise InputError(f"{pattern}: does not exist; wanted a folder, a file, a table of files, or a pattern such as 'takes/*.wav'")
    paths = [Path(name).resolve() for name in glob.glob(str(Path(pattern).expanduser()), recursive=True) if Path(name).is_file()]
    if not paths:
        raise InputError(f"{pattern}: matches no file")
    return paths


def _read_table(table: Path) -> dict[str, str | None]:
    """Files of a table with the other cells of their rows as notes (None without other columns); of several rows, the cells they share.

    InputError where two rows for the whole of one file differ.
    """
    first: dict[str, Annotation] = {}
    notes: dict[str, dict[str, Any]] = {}
    for row in read_annotations(table, SUFFIXES):
        file = path_to_text(row.file)
        cells = {column: cell for column, cell in row.cells.items() if column.casefold() not in FILE}
        shared = notes.setdefault(file, cells)
        before = first.setdefault(file, row)
        if shared != cells and (row.onset, row.offset) == (before.onset, before.offset) == (0, math.inf):
            raise InputError(
                f"{table}: lines {before.line} and {row.line} are both for {row.file.name} and differ; wanted one row per file"
            )
        notes[file] = {column: cell for column, cell in shared.items() if cells.get(column) == cell}
    return {file: _encode_notes(cells) for file, cells in notes.items()}


def _encode_notes(cells: dict[str, Any]) -> str | None:
    other = {column: cell for column, cell in cells.items() if cell not in ("", None)}
    return (escape_bytes(json.dumps(other, ensure_ascii=False)) if other else "") if cells else None
