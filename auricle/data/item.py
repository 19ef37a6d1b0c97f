"""Items and captions: one clip of a manifest with its metadata, and its conversion from and to records."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from auricle.core import table
from auricle.core.errors import InputError


@dataclass(frozen=True)
class Caption:
    """A sentence about a clip. style: its origin ("original", "rewritten", ...). weight: relative sampling frequency, on any scale."""

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

    id: unique in a manifest. audio: path of the file, or of the tar that contains it as `member`; values absolute.
    corpus, source: clips of one (corpus, source) come from one recording or speaker and are never split.
    site: where the recording was first published ("freesound", "youtube", ...), to find one recording in several corpora.
    duration: seconds of the clip, 0 where unknown. start, end: the part of the file that is the clip, seconds; None: to its end.
    fold: the split or fold of the clip, as named by its corpus.
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
        object.__setattr__(self, "audio", Path(os.path.abspath(self.audio)))  # manifests are also read from other working directories
        object.__setattr__(self, "labels", tuple(dict.fromkeys(map(table.normalise_label, self.labels))))
        if not self.id:
            raise InputError(f"{self.audio}: has an empty id; wanted a unique name")
        if not (math.isfinite(self.duration) and self.duration >= 0 and math.isfinite(self.start) and self.start >= 0):
            raise InputError(f"{self.id}: duration {self.duration} or start {self.start} is not a finite number of seconds of 0 or more")
        if self.end is not None and not (math.isfinite(self.end) and self.end > self.start):
            raise InputError(f"{self.id}: end {self.end} is not after start {self.start}; wanted seconds, or no end")


FIELDS = tuple(field.name for field in fields(Item))
DEFAULTS = {field.name: field.default for field in fields(Item) if field.name not in ("id", "audio")}
NUMBERS = ("duration", "start", "end")


def from_record(record: Mapping[str, Any], folder: Path) -> Item:
    """Convert the fields of a JSON or csv record to an Item; relative audio paths are relative to folder (absolute)."""
    unknown = sorted(str(name) for name in record if name not in FIELDS)
    if unknown:
        raise InputError(f"{', '.join(unknown)}: no such field; known: {', '.join(FIELDS)}")
    given = {name: value for name, value in record.items() if value is not None and value != ""}
    if "audio" not in given:
        raise InputError("audio is missing; wanted the path of an audio file")
    values: dict[str, Any] = {name: _text(name, value) for name, value in given.items() if name not in (*NUMBERS, "captions", "labels")}
    values |= {name: _number(name, given[name]) for name in NUMBERS if name in given}
    values.setdefault("id", values["audio"])
    values["audio"] = folder / values["audio"]
    values["labels"] = tuple(_text("labels", word) for word in _list("labels", given.get("labels", [])))
    values["captions"] = tuple(_caption(value) for value in _list("captions", given.get("captions", [])))
    return Item(**values)


def to_record(item: Item, folder: Path) -> dict[str, Any]:
    """Convert an Item to the fields of a JSON record; audio is relative to folder (absolute) where it is under it, else absolute."""
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
        return table.parse_number(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {str(value)[:40]!r}; wanted a number of seconds") from None


def _list(name: str, value: Any) -> list[Any]:
    """A list from a list, from JSON in a cell, or from a plain text as its only element."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise InputError(f"{name} starts like a JSON list but is not valid JSON: {value[:40]!r}") from None
    if isinstance(value, str):
        return [value]
    if not isinstance(value, Sequence):
        raise InputError(f"{name} is {str(value)[:40]!r}; wanted a list")
    return list(value)


def _caption(value: Any) -> Caption:
    if isinstance(value, str):
        return Caption(value)
    if not isinstance(value, Mapping) or "text" not in value or set(value) - {"text", "style", "weight"}:
        raise InputError(f"a caption is {str(value)[:60]!r}; wanted text, or text, style and weight")
    return Caption(
        _text("text", value["text"]), _text("style", value.get("style", "original")), _number("weight", value.get("weight", 1.0))
    )
