"""A manifest: a table of sounds and what is known of each, one Item a clip; jsonl, csv, parquet, or tar shards.

In jsonl, csv and parquet a line has the fields of Item by their names; only `audio` is needed, its path is relative to the manifest,
and what is left out or empty takes Item's default. `captions` is a list of texts or of {text, style, weight}, `labels` a list of words;
a plain text stands for a list of one. In csv such lists are JSON in their cell. Shards are in `shards`.
"""

from __future__ import annotations

import csv
import json
import math
import os
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from auricle.core import table
from auricle.core.errors import InputError
from auricle.core.files import atomic_file, make_folder
from auricle.core.optional import require
from auricle.data.corpora.table import Row

_BATCH = 4096  # rows that a parquet file is written by


@dataclass(frozen=True)
class Caption:
    """A sentence about a clip. style: who or what wrote it ("original", "rewritten", ...). weight: how often it is chosen, any scale."""

    text: str
    style: str = "original"
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InputError("a caption is empty; wanted a sentence, or no caption at all")
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise InputError(f"caption {self.text[:40]!r} has weight {self.weight}; wanted a number of 0 or more")


@dataclass(frozen=True)
class Item:
    """One clip of a manifest.

    id: its name, once in a manifest. audio: path of the file, or of the tar in which `member` is the file; made absolute.
    corpus, source: clips of one (corpus, source) come from one recording or speaker and are never split.
    site: where the recording was first published ("freesound", "youtube", ...), by which corpora are related.
    duration: seconds of the clip, 0 where it is not known. start, end: the part of the file that is the clip, seconds; None: to its end.
    fold: the part of its corpus that it belongs to, as the corpus calls it.
    """

    id: str
    audio: Path
    captions: tuple[Caption, ...] = ()
    labels: tuple[str, ...] = ()
    corpus: str = ""
    source: str = ""
    site: str = ""
    licence: str = ""
    author: str = ""
    url: str = ""
    duration: float = 0.0
    start: float = 0.0
    end: float | None = None
    fold: str = ""
    member: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "audio", Path(os.path.abspath(self.audio)))  # a manifest is read from other working folders
        object.__setattr__(self, "labels", tuple(dict.fromkeys(map(table.plain, self.labels))))
        if not self.id:
            raise InputError(f"{self.audio}: has an empty id; wanted a name of its own")
        if not (math.isfinite(self.duration) and self.duration >= 0 and math.isfinite(self.start) and self.start >= 0):
            raise InputError(f"{self.id}: duration {self.duration} or start {self.start} is no number of seconds from 0 on")
        if self.end is not None and not (math.isfinite(self.end) and self.end > self.start):
            raise InputError(f"{self.id}: end {self.end} is not after start {self.start}; wanted seconds, or none for the file's end")


FIELDS = tuple(field.name for field in fields(Item))
_DEFAULTS = {field.name: field.default for field in fields(Item) if field.name not in ("id", "audio")}
_NUMBERS = ("duration", "start", "end")


def read(path: str | Path) -> list[Item]:
    """Items of a manifest: .jsonl, .csv, .parquet, or the shards of a .tar or of name-{000..012}.tar. Errors name file and line."""
    path = Path(path)
    if path.suffix == ".tar":
        from auricle.data import shards  # which speaks in Items: the two know each other

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
        from auricle.data import shards

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


def of_record(record: Mapping[str, Any], folder: Path) -> Item:
    """An Item from its fields as JSON or csv has them; relative audio paths lie under folder (absolute)."""
    unknown = sorted(str(name) for name in record if name not in FIELDS)
    if unknown:
        raise InputError(f"{', '.join(unknown)}: no such field; known: {', '.join(FIELDS)}")
    told = {name: value for name, value in record.items() if value is not None and value != ""}
    if "audio" not in told:
        raise InputError("audio is missing; wanted the path of a sound file")
    made: dict[str, Any] = {name: _text(name, value) for name, value in told.items() if name not in (*_NUMBERS, "captions", "labels")}
    made |= {name: _number(name, told[name]) for name in _NUMBERS if name in told}
    made.setdefault("id", made["audio"])
    made["audio"] = folder / made["audio"]
    made["labels"] = tuple(_text("labels", word) for word in _list("labels", told.get("labels", [])))
    made["captions"] = tuple(_caption(said) for said in _list("captions", told.get("captions", [])))
    return Item(**made)


def to_record(item: Item, folder: Path) -> dict[str, Any]:
    """The fields of an Item as JSON holds them; audio relative to folder (absolute) where it lies under it, else absolute."""
    audio = Path(os.path.abspath(item.audio))
    audio = audio.relative_to(folder) if audio.is_relative_to(folder) else audio
    captions = [asdict(caption) for caption in item.captions]
    return {**vars(item), "audio": audio.as_posix(), "captions": captions, "labels": list(item.labels)}


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} is {str(value)[:40]!r}; wanted text")
    return value


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError
        return table.number(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {str(value)[:40]!r}; wanted a number of seconds") from None


def _list(name: str, value: Any) -> list[Any]:
    """A list, given as one, as JSON in a cell, or as a plain text that stands for a list of one."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise InputError(f"{name} starts like a JSON list and is none: {value[:40]!r}") from None
    if isinstance(value, str):
        return [value]
    if not isinstance(value, Sequence):
        raise InputError(f"{name} is {str(value)[:40]!r}; wanted a list")
    return list(value)


def _caption(said: Any) -> Caption:
    if isinstance(said, str):
        return Caption(said)
    if not isinstance(said, Mapping) or "text" not in said or set(said) - {"text", "style", "weight"}:
        raise InputError(f"a caption is {str(said)[:60]!r}; wanted text, or text, style and weight")
    return Caption(_text("text", said["text"]), _text("style", said.get("style", "original")), _number("weight", said.get("weight", 1.0)))


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
            told = {name: value for name, value in record.items() if name not in _DEFAULTS or value not in (_DEFAULTS[name], [])}
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
    kinds = dict.fromkeys(FIELDS, text) | dict.fromkeys(_NUMBERS, number)
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
