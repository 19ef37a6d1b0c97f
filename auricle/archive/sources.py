"""What to index: a folder, a pattern, a file or a table of files in; recordings with notes out, and the places that were looked at."""

from __future__ import annotations

import csv
import dataclasses
import glob
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from auricle.core.errors import InputError
from auricle.core.paths import named, shown, text_of
from auricle.signal.formats import is_recording

_TABLES = (".csv", ".tsv", ".jsonl")
_NAMES = ("file", "filename", "path")


@dataclasses.dataclass(frozen=True)
class Found:
    """Recordings by absolute path (`text_of` it), with their notes; None where a place gives none, so that those in the archive stay.

    roots: folders whose recordings were all looked for.
    """

    files: Mapping[str, str | None]
    roots: tuple[str, ...]

    def covers(self, name: str) -> bool:
        """Was this place looked at, so that a file which is not there is gone?"""
        return any(name.startswith(root.rstrip("/") + "/") for root in self.roots)


def find(places: Iterable[str]) -> Found:
    """Recordings at some places, each a folder, a pattern with * or ?, a table of files (csv, tsv, jsonl) or a file."""
    found: list[Path] = []
    notes: dict[str, str | None] = {}
    roots = []
    for place in places:
        path = named(place).expanduser()
        if path.is_dir():
            roots.append(text_of(path.resolve()))
            found += _walk(path.resolve())
        elif path.suffix.lower() in _TABLES:
            notes |= _listed(path)
        elif path.exists():
            found.append(path.resolve())
        else:
            found += _matching(place)
    files = dict.fromkeys(map(text_of, found))
    files |= {name: said for name, said in notes.items() if said is not None or name not in files}
    return Found(dict(sorted(files.items())), tuple(roots))


def _walk(folder: Path) -> Iterator[Path]:
    """Recordings under a folder. Links are followed, each folder is read once; names with a leading dot are passed over."""
    folders, links, seen = [folder], list[Path](), set[tuple[int, int]]()
    while folders or links:
        here = folders.pop() if folders else links.pop(0)  # links last: a recording keeps the name of its own folder
        try:
            status = here.stat()
            inside = [(path, path.is_dir()) for path in sorted(here.iterdir()) if not path.name.startswith(".")]
        except PermissionError:
            continue  # the other folders are still read
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for path, is_folder in inside:
            if is_folder:
                (links if path.is_symlink() else folders).append(path)
            elif is_recording(path) and path.is_file():
                yield path


def _matching(pattern: str) -> list[Path]:
    if not glob.has_magic(pattern):
        raise InputError(f"{pattern}: is not there; wanted a folder, a file, a table of files, or a pattern such as 'takes/*.wav'")
    found = [Path(name).resolve() for name in glob.glob(str(Path(pattern).expanduser()), recursive=True) if Path(name).is_file()]
    if not found:
        raise InputError(f"{pattern}: matches no file")
    return found


def _listed(table: Path) -> dict[str, str | None]:
    """Files of a table, relative to its folder, with the other cells of their rows as notes, None without others; one row a file."""
    notes: dict[str, str | None] = {}
    numbers: dict[str, int] = {}
    for number, row in enumerate(_rows(table), start=1):
        name = next((row[column] for column in _NAMES if row.get(column)), None)
        if not isinstance(name, str):
            raise InputError(f"{table}: row {number} names no file; wanted a column {', '.join(_NAMES[:-1])} or {_NAMES[-1]}")
        file = text_of(named(os.path.join(table.parent, name)).resolve())
        if file in numbers:
            raise InputError(f"{table}: rows {numbers[file]} and {number} are both for {name}; wanted one row a file")
        numbers[file] = number
        cells = {key: value for key, value in row.items() if key not in _NAMES}
        other = {key: value for key, value in cells.items() if value not in ("", None)}
        notes[file] = (shown(json.dumps(other, ensure_ascii=False)) if other else "") if cells else None
    return notes


def _rows(table: Path) -> Iterator[Mapping[str, object]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            if table.suffix.lower() == ".jsonl":
                yield from (row for row in map(json.loads, filter(str.strip, file)) if isinstance(row, dict))
            else:
                yield from _cells(table, csv.reader(file, delimiter="\t" if table.suffix.lower() == ".tsv" else ","))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read as a table ({error}); wanted csv, tsv or jsonl in UTF-8") from error


def _cells(table: Path, lines: Iterator[list[str]]) -> Iterator[Mapping[str, object]]:
    """Rows by the names of their columns; InputError where a row has not as many cells as there are columns."""
    columns = next(lines, [])
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise InputError(f"{table}: has the column {twice[0]!r} more than once; wanted each name once")
    for number, cells in enumerate(filter(None, lines), start=1):
        if len(cells) != len(columns):
            raise InputError(
                f"{table}: row {number} has {len(cells)} cells for {len(columns)} columns; wanted one each, in quotes if with commas"
            )
        yield dict(zip(columns, cells, strict=True))
