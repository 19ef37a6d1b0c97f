"""Reader of annotation tables: csv (comma or semicolon), tsv, jsonl, Audacity label tracks and Raven selection tables."""

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
from auricle.core.labels import normalise_label, parse_labels
from auricle.core.paths import resolve_path

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl")
#: Column names in lower case: ours, then those of Audacity, Raven, BirdNET, DCASE and ESC-50.
FILE = ("file", "filename", "path", "begin path", "begin file")
LABEL = ("label", "annotation", "species", "common name", "event_label", "category")
LABELS = ("labels",)
ONSET = ("onset", "start", "begin time (s)")
OFFSET = ("offset", "end", "end time (s)")
_FILE_OFFSET = ("file offset (s)",)  # onset within the file; Raven's other times are counted over all files of a view
_TRACK = ("onset", "offset", "label")


@dataclasses.dataclass(frozen=True)
class Annotation:
    """One row: a recording or a part of it. file: absolute. label: may be empty. onset, offset: seconds. cells: all cells by column."""

    line: int
    file: Path
    label: str
    onset: float
    offset: float
    cells: Mapping[str, Any]

    def labels(self) -> tuple[str, ...]:
        """The label as written, or those of the column `labels` (parse_labels), empty without both. InputError for such a cell."""
        labels = [self.label] if self.label else parse_labels(_cell(self.cells, LABELS) or [])
        return tuple(map(normalise_label, labels))


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the line number and the cells of each row. An Audacity label track has the columns onset, offset and label.

    The separator is detected from the header. InputError, with file and line, where the number of cells differs from the header, a column
    is repeated, the encoding is neither UTF-8 nor UTF-16 with a byte order mark, or a line is not a JSON object.
    """
    try:
        with path.open("rb") as file:
            encoding = "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with path.open(newline="", encoding=encoding) as lines:
            yield from _objects(path, lines) if path.suffix.lower() == ".jsonl" else _cells(path, lines)
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeError):
            raise InputError(f"{path}: is not UTF-8 ({error}); save it as UTF-8") from error
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); wanted a table") from error


def read_annotations(path: Path, endings: Collection[str]) -> Iterator[Annotation]:
    """Yield the rows of a table as annotations. endings: suffixes of recordings, to find the recording of a table without file names.

    Times are in seconds, with a decimal point or comma; a row without times covers the whole recording. InputError where a row has no
    file or invalid times.
    """
    own: Path | None = None
    for line, cells in read_rows(path):
        where = f"{path}: line {line}"
        name = _of(cells, FILE)
        if not name and _of(cells, (*ONSET, *OFFSET)):  # such a table is about the recording that it is named after
            own = own or find_recording(path, endings)
        file = _located(path, name, where) if name else own
        if file is None:
            raise InputError(
                f"{where}: has no file name; wanted a column {', '.join(FILE[:-1])} or {FILE[-1]}, "
                f"or a recording next to the table with the same name, such as {path.stem}.wav"
            )
        onset, offset = _times(cells, where)
        yield Annotation(line, file.resolve(), normalise_label(_of(cells, LABEL)), onset, offset, cells)


def find_recording(table: Path, endings: Collection[str]) -> Path | None:
    """Find the recording next to a table that the table is named after: `a.wav` for `a.txt`, `a.Table.1.selections.txt`, `hits - a.txt`.

    None where there is none, or more than one.
    """
    name = unicodedata.normalize("NFC", table.name)
    candidates = []
    for path in table.parent.iterdir():
        stem = unicodedata.normalize("NFC", path.stem)
        if path.suffix.lower() in endings and (name.startswith(f"{stem}.") or name == f"{name.partition(' - ')[0]} - {stem}{table.suffix}"):
            candidates.append(path)
    longest = [path for path in candidates if len(path.stem) == max(len(other.stem) for other in candidates)]
    return longest[0] if len(longest) == 1 else None


def parse_number(text: str) -> float:
    """Parse a number with a decimal point or comma. ValueError where it is none."""
    return float(text if "." in text else text.replace(",", ".", 1))


def _objects(path: Path, lines: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: line {line}: is not valid JSON ({' '.join(str(error).split())[:80]})") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}: line {line}: is {str(row)[:40]!r}; wanted an object")
        yield line, row


def _cells(path: Path, lines: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    blank = []
    for first in lines:
        if first.strip():
            break
        blank.append(first)
    else:
        return
    track, separator = _is_track(first), _separator(first, path)
    bare = track or "begin time (s)" in first.lower()  # Audacity and Raven do not quote cells
    reader = csv.reader(
        chain(blank, [first], lines), delimiter=separator, strict=not bare, quoting=csv.QUOTE_NONE if bare else csv.QUOTE_MINIMAL
    )
    columns: tuple[str, ...] | None = _TRACK if track else None
    try:
        for cells in filter(any, reader):
            if columns is None:
                columns = _columns(cells, path)
            elif not (track and cells[0] == "\\"):  # Audacity's second line of a label: its frequencies
                yield reader.line_num, _row(columns, cells + [""] * (track and len(cells) == 2), f"{path}: line {reader.line_num}")
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: is not valid csv ({error})") from None


def _is_track(first: str) -> bool:
    """Return whether the first line is an Audacity label (two times) instead of a header."""
    cells = first.strip("\r\n").split("\t")
    try:
        return len(cells) in (2, 3) and parse_number(cells[0]) <= parse_number(cells[1])
    except ValueError:
        return False


def _separator(header: str, path: Path) -> str:
    unquoted = "".join(header.split('"')[::2])
    separator = max("\t;,", key=unquoted.count)
    return separator if separator in unquoted else "\t" if path.suffix.lower() == ".tsv" else ","


def _columns(cells: Iterable[str], path: Path) -> tuple[str, ...]:
    columns = [cell.strip() for cell in cells]
    while not columns[-1]:
        columns.pop()
    duplicates = sorted({column for column in columns if columns.count(column) > 1})
    if duplicates:
        raise InputError(f"{path}: has the column {duplicates[0]!r} more than once; wanted each name once")
    return tuple(columns)


def _row(columns: tuple[str, ...], cells: list[str], where: str) -> dict[str, Any]:
    while len(cells) > len(columns) and not cells[-1]:  # empty trailing cells of spreadsheets
        cells = cells[:-1]
    if len(cells) != len(columns):
        raise InputError(
            f"{where}: has {len(cells)} {'cell' if len(cells) == 1 else 'cells'} for {len(columns)} columns; "
            "wanted one each, in quotes where a cell contains the separator"
        )
    return dict(zip(columns, cells, strict=True))


def _of(cells: Mapping[str, Any], names: Collection[str]) -> str:
    """The first non-empty cell of the columns of these names, as text; empty without one."""
    return str(_cell(cells, names)).strip()


def _cell(cells: Mapping[str, Any], names: Collection[str]) -> Any:
    """The first non-empty cell of the columns of these names; an empty text without one."""
    filled = {column.casefold(): cell for column, cell in cells.items() if cell not in ("", None)}
    return next((filled[name] for name in names if name in filled), "")


def _times(cells: Mapping[str, Any], where: str) -> tuple[float, float]:
    try:
        onset, offset = parse_number(_of(cells, ONSET) or "0"), parse_number(_of(cells, OFFSET) or "inf")
        if inside := _of(cells, _FILE_OFFSET):
            onset, offset = parse_number(inside), parse_number(inside) + offset - onset
    except ValueError as error:
        raise InputError(f"{where}: {error}; wanted onset and offset in seconds") from None
    if not 0 <= onset < offset:
        raise InputError(f"{where}: goes from {onset:g} to {offset:g} s; wanted 0 <= onset < offset")
    return onset, offset


def _located(table: Path, name: str, where: str) -> Path:
    """Resolve a file name of a table: as given, in Unicode form NFC or NFD, or for another machine's absolute path next to the table."""
    foreign = PureWindowsPath(name)
    names = [name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")), *([foreign.name] if foreign.root else [])]
    try:
        paths = [resolve_path(os.path.join(table.parent, each)) for each in names]
        return next((path for path in paths if path.exists()), paths[0]).resolve()
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: {name[:60]!r} cannot be a file ({getattr(error, 'strerror', None) or error})") from None
