"""Manifests: tables of clips with their metadata, one Item per row; jsonl, csv, parquet, or tar shards.

In jsonl, csv and parquet a row has the fields of Item by name; only `audio` is required, its path is relative to the manifest, and
missing or empty fields take Item's defaults. `captions` is a list of texts or of {text, style, weight}, `labels` a list of words, or a
text with commas as on the command line (core.labels.split_labels). `events` is a list of {label, onset, offset}, `questions` of {text,
answer}, `tracks` of {label, times, azimuth, elevation, distance}; `values` are numbers by name. In csv lists and values are JSON in their
cell. For shards see `shards`.
"""

from __future__ import annotations

import csv
import json
import os
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from auricle.core import table
from auricle.core.errors import InputError
from auricle.core.files import atomic_file, make_folder
from auricle.core.optional import require
from auricle.data import shards
from auricle.data.corpora.clip_table import Row
from auricle.data.item import DEFAULTS, FIELDS, LISTS, NUMBERS, Item, from_record, to_record

_BATCH = 4096  # rows per row group of parquet


def read(path: str | Path) -> list[Item]:
    """Read a manifest: .jsonl, .csv, .parquet, or the shards of a .tar or of name-{000..012}.tar. InputError names file and line."""
    path = Path(path)
    if path.suffix == ".tar":
        return _check_unique_ids(((item.member, item) for item in shards.items(path)), path, "member")
    if path.suffix not in _READERS:
        raise InputError(f"{path}: is not a manifest by its extension; wanted {', '.join(_READERS)} or .tar")
    word, reader = _READERS[path.suffix]
    folder = Path(os.path.abspath(path.parent))
    try:
        return _check_unique_ids(_items(reader(path), folder, f"{path}: {word}"), path, word)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a manifest") from error


def write(path: str | Path, items: Iterable[Item]) -> None:
    """Write a manifest, whole or not at all: .jsonl, .csv, .parquet, or one .tar with the sounds in it."""
    path = Path(path)
    if path.suffix == ".tar":
        shards.write_one(path, items)
        return
    if path.suffix not in _WRITERS:
        raise InputError(f"{path}: is not a manifest by its extension; wanted {', '.join(_WRITERS)} or .tar")
    folder = Path(os.path.abspath(path.parent))
    try:
        make_folder(path.parent)
        with atomic_file(path) as partial:
            _WRITERS[path.suffix](partial, (to_record(item, folder) for item in items))
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: {error.object[:80]!r} cannot be written as UTF-8; rename that file or correct that text") from None


def items_from_rows(rows: Iterable[Row]) -> list[Item]:
    """Convert rows of the prepared corpora (auricle.data.corpora.read) to items. The site is taken from the URL, else from the corpus."""
    return [
        Item(
            id=f"{row.corpus}/{row.path.name}",
            audio=row.path,
            labels=row.labels,
            corpus=row.corpus,
            source=row.source,
            site=site_of_url(row.url) or _SITES.get(row.corpus, ""),
            licence=row.licence,
            author=row.author,
            url=row.url,
            duration=row.duration,
            fold=row.fold,
            values=_row_values(row),
        )
        for row in rows
    ]


def _row_values(row: Row) -> dict[str, float]:
    """sure: 0 for an approximate label; rendered: 1 for a sound that was not recorded; gain: dB by which it was raised. Else left out."""
    noted = {"sure": 0.0 if not row.sure else None, "rendered": 1.0 if row.rendered else None, "gain": row.gain or None}
    return {name: value for name, value in noted.items() if value is not None}


#: Sites of the corpora whose rows have no URL.
_SITES = {"esc50": "freesound", "sonicpi": "freesound"}


def site_of_url(url: str) -> str:
    """`http://www.freesound.org/people/x/sounds/1` -> `freesound`; empty for no URL."""
    host = urllib.parse.urlsplit(url.split(";")[0].strip()).hostname or ""
    return host.rpartition(".")[0].rpartition(".")[2]


def _items(records: Iterable[tuple[int, Any]], folder: Path, where: str) -> Iterator[tuple[int, Item]]:
    for number, record in records:
        try:
            yield number, from_record(record, folder)
        except InputError as error:
            raise InputError(f"{where} {number}: {error}") from None


def _check_unique_ids(items: Iterable[tuple[int | str, Item]], path: Path, word: str) -> list[Item]:
    """The items as a list. InputError where two have one id."""
    first: dict[str, int | str] = {}
    found = []
    for position, item in items:
        if item.id in first:
            raise InputError(f"{path}: {word} {position}: id {item.id!r} is also that of {word} {first[item.id]}; wanted unique ids")
        first[item.id] = position
        found.append(item)
    return found


def _read_parquet(path: Path) -> Iterator[tuple[int, Any]]:
    pyarrow, parquet = _arrow()
    try:
        with parquet.ParquetFile(path) as table:
            number = 0
            for batch in table.iter_batches(_BATCH):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
    except pyarrow.ArrowException as error:
        raise InputError(f"{path}: is not usable parquet ({' '.join(str(error).split())[:80]})") from None


def _write_jsonl(partial: Path, records: Iterable[dict[str, Any]]) -> None:
    with partial.open("w", encoding="utf-8") as lines:
        for record in records:
            given = {name: value for name, value in record.items() if name not in DEFAULTS or value not in (DEFAULTS[name], [], {})}
            lines.write(json.dumps(given, ensure_ascii=False) + "\n")


def _write_csv(partial: Path, records: Iterable[dict[str, Any]]) -> None:
    with partial.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, FIELDS)
        writer.writeheader()
        for record in records:
            cells = {name: json.dumps(record[name], ensure_ascii=False) if record[name] else "" for name in (*LISTS, "values")}
            writer.writerow({**record, **cells})


def _write_parquet(partial: Path, records: Iterable[dict[str, Any]]) -> None:
    pyarrow, parquet = _arrow()
    text, number = pyarrow.string(), pyarrow.float64()
    kinds = dict.fromkeys(FIELDS, text) | dict.fromkeys(NUMBERS, number)
    structs = {
        "captions": {"text": text, "style": text, "weight": number},
        "events": {"label": text, "onset": number, "offset": number},
        "questions": {"text": text, "answer": text},
        "tracks": {"label": text, **dict.fromkeys(("times", "azimuth", "elevation", "distance"), pyarrow.list_(number))},
    }
    kinds |= {"labels": pyarrow.list_(text), **{name: pyarrow.list_(pyarrow.struct(parts)) for name, parts in structs.items()}}
    schema = pyarrow.schema({**kinds, "values": text})
    remaining = iter(records)
    with parquet.ParquetWriter(partial, schema) as writer:
        while batch := list(islice(remaining, _BATCH)):
            rows = [{**record, "values": json.dumps(record["values"])} for record in batch]  # parquet has no mappings of any names
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))


def _arrow() -> tuple[Any, Any]:
    why = "a manifest in parquet"
    return require("pyarrow", extra="data", why=why), require("pyarrow.parquet", extra="data", why=why)


_READERS: dict[str, tuple[str, Callable[[Path], Iterator[tuple[int, Any]]]]] = {
    ".jsonl": ("line", table.read_rows),
    ".csv": ("line", table.read_rows),
    ".tsv": ("line", table.read_rows),
    ".parquet": ("row", _read_parquet),
}
_WRITERS: dict[str, Callable[[Path, Iterable[dict[str, Any]]], None]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
