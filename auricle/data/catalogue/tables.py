"""Shared parsing of published corpora: tables, JSON files, sounds by name, licences by URL."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.signal.formats import find_audio_files

_LICENCE = re.compile(r"creativecommons\.org/(?:licenses/([a-z+-]+)|publicdomain/(zero|mark))(?:/([\d.]+))?", re.IGNORECASE)


def read_text(path: Path) -> str:
    """Read a published table as UTF-8, or as Latin-1 where it is not UTF-8. InputError where it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted the corpus as published") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def read_rows(path: Path, *columns: str, names: Sequence[str] | None = None, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Iterate over the rows of a table. columns: required. names: columns of a table without a header, in which # starts a comment."""
    lines = ("\n" if names is not None and line.startswith("#") else line for line in io.StringIO(read_text(path), newline=""))
    reader = csv.DictReader(lines, names, delimiter=delimiter, skipinitialspace=names is not None)
    if missing := [column for column in columns if column not in (reader.fieldnames or ())]:
        raise InputError(f"{path}: lacks the columns {', '.join(missing)}; wanted the table as published")
    for row in reader:
        if any(row[column] is None for column in columns):
            raise InputError(f"{path}: line {reader.line_num}: has too few cells; wanted {', '.join(columns)}")
        yield row


def load_json(path: Path) -> Any:
    """Load a JSON file. InputError where it is not JSON."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not usable JSON ({' '.join(str(error).split())[:80]})") from None


def find_sounds(folder: Path) -> dict[str, Path]:
    """Find the sound files under a folder, recursively, by name without extension. InputError where two have one name."""
    found: dict[str, Path] = {}
    for path in sorted(find_audio_files(folder)):
        if path.is_dir():
            raise InputError(f"{path}: this folder cannot be read; change its permissions")
        if path.stem in found:
            raise InputError(f"{found[path.stem]} and {path} have the same name; wanted unique names")
        found[path.stem] = path
    return found


def licence_from_url(address: str) -> str:
    """`http://creativecommons.org/licenses/by-nc/3.0/` -> `CC BY-NC 3.0`; any other text is returned unchanged."""
    found = _LICENCE.search(address)
    if not found:
        return address
    kind = f"CC {found[1].upper()}" if found[1] else {"zero": "CC0", "mark": "Public Domain"}[found[2].lower()]
    kind = kind.replace("SAMPLING+", "Sampling+")
    return f"{kind} {found[3]}" if found[3] else kind


def parse_seconds(value: str, path: Path) -> float:
    """Parse a number of seconds of a table. InputError names the table."""
    try:
        return float(value)
    except ValueError:
        raise InputError(f"{path}: {value!r} is not a number of seconds; wanted the table as published") from None
