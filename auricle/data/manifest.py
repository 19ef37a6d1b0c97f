"""A manifest: a table of sounds and what is known of each, one Item a clip; jsonl, csv, parquet, or tar shards.

In jsonl, csv and parquet a line has the fields of Item by their names; only `audio` is needed, its path is relative to the manifest,
and what is left out or empty takes Item's default. `captions` is a list of texts or of {text, style, weight}, `labels` a list of words;
a plain text stands for a list of one. In csv such lists are JSON in their cell. Shards are in `shards`.
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
from auricle.data.item import DEFAULTS, FIELDS, NUMBERS, Item, of_record, to_record

_BATCH = 4096  # rows that a parquet file is written by


def read(path: str | Path) -> list[Item]:
    """Items of a manifest: .jsonl, .csv, .parquet, or the shards of a .tar or of name-{000..012}.tar. Errors name file and line."""
    path = Path(path)
    if path.suffix == ".tar":
        return _once(((item.member, item) for item in shards.items(path)), path, "member")
    if path.suffix not in _READERS:
        raise InputError(f"{path}: is no manifest by its ending; wanted {', '.join(_READERS)} or .tar")
    word, reader = _READERS[path.suffix]
    folder = Path(os.path.abspath(path.parent))
    try:
        return _once(_items(reader(path), folder, f"{path}: {word}"), path, word)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a manifest") from error


def write(path: str | Path, items: Iterable[Item]) -> None:
    """Write a manifest, whole or not at all: .jsonl, .csv, .parquet, or one .tar with the sounds in it."""
    path = Path(path)
    if path.suffix == ".tar":
        shards.write_one(path, items)
        return
    if path.suffix not in _WRITERS:
        raise InputError(f"{path}: is no manifest by its ending; wanted {', '.join(_WRITERS)} or .tar")
    folder = Path(os.path.abspath(path.parent))
    try:
        make_folder(path.parent)
        with atomic_file(path) as partial:
            _WRITERS[path.suffix](partial, (to_record(item, folder) for item in items))
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: {error.object[:80]!r} cannot be written as UTF-8; rename that file or mend that text") from None


def of_rows(rows: Iterable[Row]) -> list[Item]:
    """The laid-out corpora (auricle.data.corpora.read) as items. The site is that of the clip's address, else its corpus's."""
    return [
        Item(
            id=f"{row.corpus}/{row.path.name}",
            audio=row.path,
            labels=row.labels,
            corpus=row.corpus,
            source=row.source,
            site=site(row.url) or _SITES.get(row.corpus, ""),
            licence=row.licence,
            author=row.author,
            url=row.url,
            duration=row.duration,
            fold=row.fold,
        )
        for row in rows
    ]


#: Where the clips of a corpus come from whose rows have no address.
_SITES = {"esc50": "freesound", "sonicpi": "freesound"}


def site(url: str) -> str:
    """`http://www.freesound.org/people/x/sounds/1` -> `freesound`; empty for no address."""
    host = urllib.parse.urlsplit(url.split(";")[0].strip()).hostname or ""
    return host.rpartition(".")[0].rpartition(".")[2]


def _items(records: Iterable[tuple[int, Any]], folder: Path, where: str) -> Iterator[tuple[int, Item]]:
    for number, record in records:
        try:
            yield number, of_record(record, folder)
        except InputError as error:
            raise InputError(f"{where} {number}: {error}") from None


def _once(items: Iterable[tuple[int | str, Item]], path: Path, word: str) -> list[Item]:
    """The items, none of which shares its id with another."""
    first: dict[str, int | str] = {}
    found = []
    for place, item in items:
        if item.id in first:
            raise InputError(f"{path}: {word} {place}: id {item.id!r} is also that of {word} {first[item.id]}; wanted each once")
        first[item.id] = place
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
            told = {name: value for name, value in record.items() if name not in DEFAULTS or value not in (DEFAULTS[name], [])}
            lines.write(json.dumps(told, ensure_ascii=False) + "\n")


def _write_csv(partial: Path, records: Iterable[dict[str, Any]]) -> None:
    with partial.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, FIELDS)
        writer.writeheader()
        for record in records:
            lists = {name: json.dumps(record[name], ensure_ascii=False) if record[name] else "" for name in ("captions", "labels")}
            writer.writerow({**record, **lists})


def _write_parquet(partial: Path, records: Iterable[dict[str, Any]]) -> None:
    pyarrow, parquet = _arrow()
    text, number = pyarrow.string(), pyarrow.float64()
    kinds = dict.fromkeys(FIELDS, text) | dict.fromkeys(NUMBERS, number)
    kinds |= {"labels": pyarrow.list_(text), "captions": pyarrow.list_(pyarrow.struct({"text": text, "style": text, "weight": number}))}
    schema = pyarrow.schema(kinds)
    left = iter(records)
    with parquet.ParquetWriter(partial, schema) as writer:
        while batch := list(islice(left, _BATCH)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema))


def _arrow() -> tuple[Any, Any]:
    why = "a manifest in parquet"
    return require("pyarrow", extra="data", why=why), require("pyarrow.parquet", extra="data", why=why)


_READERS: dict[str, tuple[str, Callable[[Path], Iterator[tuple[int, Any]]]]] = {
    ".jsonl": ("line", table.rows),
    ".csv": ("line", table.rows),
    ".tsv": ("line", table.rows),
    ".parquet": ("row", _read_parquet),
}
_WRITERS: dict[str, Callable[[Path, Iterable[dict[str, Any]]], None]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
