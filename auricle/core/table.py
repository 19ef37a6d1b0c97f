"""Tables that people keep of sounds in, rows by column out: csv, tsv, `;`, jsonl, Audacity label tracks and Raven selection tables."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path, PureWindowsPath
from typing import Any, TextIO

from auricle.core.errors import InputError
from auricle.core.paths import named

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl")
#: Columns by what they hold, in small letters: our names, then those of Audacity, Raven, BirdNET, DCASE and ESC-50.
FILE = ("file", "filename", "path", "begin path", "begin file")
LABEL = ("label", "annotation", "species", "common name", "event_label", "category")
ONSET = ("onset", "start", "begin time (s)")
OFFSET = ("offset", "end", "end time (s)")
_FILE_OFFSET = ("file offset (s)",)  # Raven's times are those of all files of a view; this is the onset in its file
_TRACK = ("onset", "offset", "label")


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A row: a recording, or a part of one. file: absolute. label: empty where none is given. times: seconds. cells: all, by column."""

    line: int
    file: Path
    label: str
    onset: float
    offset: float
    cells: Mapping[str, Any]


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a table with their lines in it; cells of an Audacity label track are onset, offset and label.

    What parts the cells is seen from the header. InputError names the file and the line: not as many cells as columns, a column
    twice, bytes that are no UTF-8 (or UTF-16 with its mark), no JSON object.
    """
    try:
        with path.open("rb") as file:
            encoding = "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with path.open(newline="", encoding=encoding) as lines:
            yield from _objects(path, lines) if path.suffix.lower() == ".jsonl" else _cells(path, lines)
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeError):
            raise InputError(f"{path}: is no UTF-8 ({error}); save it as UTF-8") from error
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); wanted a table") from error


def stretches(path: Path, endings: Collection[str]) -> Iterator[Stretch]:
    """Rows of a table as parts of recordings. endings: of names of recordings, among which that of a table without files is looked for.

    Times are seconds, with a point or a comma; without them a row is all of its recording. InputError where a row names no file or times
    that make no sense.
    """
    own: Path | None = None
    for line, cells in rows(path):
        where = f"{path}: line {line}"
        name = _of(cells, FILE)
        if not name and _of(cells, (*ONSET, *OFFSET)):  # a table of parts may be of the recording that it is named after
            own = own or recording_of(path, endings)
        file = _located(path, name, where) if name else own
        if file is None:
            raise InputError(
                f"{where}: names no file; wanted a column {', '.join(FILE[:-1])} or {FILE[-1]}, "
                f"or a recording beside the table whose name it begins with, such as {path.stem}.wav"
            )
        onset, offset = _times(cells, where)
        yield Stretch(line, file.resolve(), plain(_of(cells, LABEL)), onset, offset, cells)


def recording_of(table: Path, endings: Collection[str]) -> Path | None:
    """The recording beside a table that it is named after: `a.txt`, `a.Table.1.selections.txt` and `hits - a.txt` are of `a.wav`.

    None where there is none, or more than one.
    """
    name = unicodedata.normalize("NFC", table.name)
    found = []
    for path in table.parent.iterdir():
        stem = unicodedata.normalize("NFC", path.stem)
        if path.suffix.lower() in endings and (name.startswith(f"{stem}.") or name == f"{name.partition(' - ')[0]} - {stem}{table.suffix}"):
            found.append(path)
    longest = [path for path in found if len(path.stem) == max(len(each.stem) for each in found)]
    return longest[0] if len(longest) == 1 else None


def plain(label: str) -> str:
    """A label as it is compared: single spaces, and letters with their marks as one (NFC), however they were typed."""
    return unicodedata.normalize("NFC", " ".join(label.split()))


def number(text: str) -> float:
    """A number with a point or a comma for decimals. ValueError where it is none."""
    return float(text if "." in text else text.replace(",", ".", 1))


def _objects(path: Path, lines: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: line {line}: is not usable JSON ({' '.join(str(error).split())[:80]})") from None
        if not isinstance(found, dict):
            raise InputError(f"{path}: line {line}: is {str(found)[:40]!r}; wanted an object")
        yield line, found


def _cells(path: Path, lines: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    blank = []
    for first in lines:
        if first.strip():
            break
        blank.append(first)
    else:
        return
    track, apart = _is_track(first), _separator(first, path)
    bare = track or "begin time (s)" in first.lower()  # Audacity and Raven put nothing in quotes
    reader = csv.reader(
        chain(blank, [first], lines), delimiter=apart, strict=not bare, quoting=csv.QUOTE_NONE if bare else csv.QUOTE_MINIMAL
    )
    columns: tuple[str, ...] | None = _TRACK if track else None
    try:
        for cells in filter(any, reader):
            if columns is None:
                columns = _columns(cells, path)
            elif not (track and cells[0] == "\\"):  # Audacity's second line of a label: its frequencies
                yield reader.line_num, _row(columns, cells + [""] * (track and len(cells) == 2), f"{path}: line {reader.line_num}")
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: is not usable csv ({error})") from None


def _is_track(first: str) -> bool:
    """Whether a first line is a label: two times, not the names of columns."""
    cells = first.strip("\r\n").split("\t")
    try:
        return len(cells) in (2, 3) and number(cells[0]) <= number(cells[1])
    except ValueError:
        return False


def _separator(header: str, path: Path) -> str:
    bare = "".join(header.split('"')[::2])
    found = max("\t;,", key=bare.count)
    return found if found in bare else "\t" if path.suffix.lower() == ".tsv" else ","


def _columns(cells: Iterable[str], path: Path) -> tuple[str, ...]:
    columns = [cell.strip() for cell in cells]
    while not columns[-1]:
        columns.pop()
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise InputError(f"{path}: has the column {twice[0]!r} more than once; wanted each name once")
    return tuple(columns)


def _row(columns: tuple[str, ...], cells: list[str], where: str) -> dict[str, Any]:
    while len(cells) > len(columns) and not cells[-1]:  # empty columns that a spreadsheet writes
        cells = cells[:-1]
    if len(cells) != len(columns):
        raise InputError(
            f"{where}: has {len(cells)} {'cell' if len(cells) == 1 else 'cells'} for {len(columns)} columns; "
            "wanted one each, in quotes where a cell holds what parts them"
        )
    return dict(zip(columns, cells, strict=True))


def _of(cells: Mapping[str, Any], names: Collection[str]) -> str:
    """The first cell of those columns that is not empty, as text."""
    found = {column.casefold(): cell for column, cell in cells.items() if cell not in ("", None)}
    return next((str(found[name]).strip() for name in names if name in found), "")


def _times(cells: Mapping[str, Any], where: str) -> tuple[float, float]:
    try:
        onset, offset = number(_of(cells, ONSET) or "0"), number(_of(cells, OFFSET) or "inf")
        if inside := _of(cells, _FILE_OFFSET):
            onset, offset = number(inside), number(inside) + offset - onset
    except ValueError as error:
        raise InputError(f"{where}: {error}; wanted onset and offset in seconds") from None
    if not 0 <= onset < offset:
        raise InputError(f"{where}: goes from {onset:g} to {offset:g} s; wanted an onset before its offset")
    return onset, offset


def _located(table: Path, name: str, where: str) -> Path:
    """The file of a name in a table: as it stands, its letters composed or not, else beside the table where another machine named it."""
    elsewhere = PureWindowsPath(name)
    names = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")), *([elsewhere.name] if elsewhere.root else [])]
    try:
        paths = [named(os.path.join(table.parent, each)) for each in names]
        return next((path for path in paths if path.exists()), paths[0]).resolve()
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: {name[:60]!r} cannot be a file ({getattr(error, 'strerror', None) or error})") from None
