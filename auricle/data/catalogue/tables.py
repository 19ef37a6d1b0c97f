"""What the readers of published corpora share: tables, JSON, sounds by name, licences by address."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.signal.formats import recordings

_LICENCE = re.compile(r"creativecommons\.org/(?:licenses/([a-z+-]+)|publicdomain/(zero|mark))(?:/([\d.]+))?", re.IGNORECASE)


def text(path: Path) -> str:
    """A published table as text: UTF-8, or else Latin-1, in which some of them are."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted the corpus as it is published") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def rows(path: Path, *columns: str, names: Sequence[str] | None = None, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Rows of a table by column. columns: those that must be there. names: the columns of a table without a header; # begins a remark."""
    lines = ("\n" if names is not None and line.startswith("#") else line for line in io.StringIO(text(path), newline=""))
    reader = csv.DictReader(lines, names, delimiter=delimiter, skipinitialspace=names is not None)
    if lost := [column for column in columns if column not in (reader.fieldnames or ())]:
        raise InputError(f"{path}: lacks the columns {', '.join(lost)}; wanted the table as it is published")
    for row in reader:
        if any(row[column] is None for column in columns):
            raise InputError(f"{path}: line {reader.line_num}: is cut; wanted {', '.join(columns)}")
        yield row


def loaded(path: Path) -> Any:
    """What a JSON file holds."""
    try:
        return json.loads(text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not usable JSON ({' '.join(str(error).split())[:80]})") from None


def sounds(folder: Path) -> dict[str, Path]:
    """Sound files under a folder, however deep, by their name without its ending."""
    found: dict[str, Path] = {}
    for path in sorted(recordings(folder)):
        if path.is_dir():
            raise InputError(f"{path}: this folder cannot be read; change its permissions")
        if path.stem in found:
            raise InputError(f"{found[path.stem]} and {path} have one name; wanted every sound once")
        found[path.stem] = path
    return found


def licence(address: str) -> str:
    """`http://creativecommons.org/licenses/by-nc/3.0/` -> `CC BY-NC 3.0`; what is no such address stays as it is."""
    found = _LICENCE.search(address)
    if not found:
        return address
    kind = f"CC {found[1].upper()}" if found[1] else {"zero": "CC0", "mark": "Public Domain"}[found[2].lower()]
    kind = kind.replace("SAMPLING+", "Sampling+")
    return f"{kind} {found[3]}" if found[3] else kind


def seconds(value: str, path: Path) -> float:
    """A number of seconds of a table."""
    try:
        return float(value)
    except ValueError:
        raise InputError(f"{path}: {value!r} is no number of seconds; wanted the table as it is published") from None
