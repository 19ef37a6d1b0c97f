"""Items: one clip of a manifest with its annotations and metadata, and its conversion from and to records."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from auricle.core import table
from auricle.core.errors import InputError
from auricle.core.labels import normalise_label, parse_labels
from auricle.core.records import Event


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
class Question:
    """A question about a clip, with its answer."""

    text: str
    answer: str

    def __post_init__(self) -> None:
        if not self.text.strip() or not self.answer.strip():
            raise InputError(f"question {self.text[:40]!r} has answer {self.answer[:40]!r}; wanted text for both")


@dataclass(frozen=True)
class Track:
    """Positions of one source over time, all (P,). times: seconds. azimuth, elevation: degrees. distance: metres; empty if unknown."""

    label: str
    times: tuple[float, ...]
    azimuth: tuple[float, ...]
    elevation: tuple[float, ...]
    distance: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        lengths = {len(self.times), len(self.azimuth), len(self.elevation), *([len(self.distance)] if self.distance else [])}
        if len(lengths) != 1 or not self.times or list(self.times) != sorted(self.times):
            raise InputError(
                f"track of {self.label!r} has {len(self.times)} times, {len(self.azimuth)} azimuths, {len(self.elevation)} elevations and "
                f"{len(self.distance)} distances; wanted one of each per rising time"
            )


@dataclass(frozen=True)
class Item:
    """One clip of a manifest.

    id: unique in a manifest. audio: path of the file, or of the tar that contains it as `member`; values absolute.
    captions, labels, events, questions, tracks, values: annotations of the clip, each empty where there are none. Times of events and
    tracks are seconds from the start of the clip. values: numbers by name, in any unit. A clip with events has their labels too.
    corpus, source: clips of one (corpus, source) come from one recording or speaker and are never split.
    site: where the recording was first published ("freesound", "youtube", ...), to find one recording in several corpora.
    duration: seconds of the clip, 0 where unknown. start, end: the part of the file that is the clip, seconds; None: to its end.
    fold: the split or fold of the clip, as named by its corpus.
    """

    id: str
    audio: Path
    captions: tuple[Caption, ...] = ()
    labels: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    questions: tuple[Question, ...] = ()
    tracks: tuple[Track, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict, hash=False)
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
        for event in self.events:
            if not (0 <= event.onset < event.offset < math.inf):
                raise InputError(
                    f"{self.id}: event {event.label!r} lasts from {event.onset} to {event.offset} s; wanted 0 <= onset < offset, finite"
                )
        events = tuple(dataclasses.replace(event, label=normalise_label(event.label)) for event in self.events)
        object.__setattr__(self, "events", events)
        labels = (*map(normalise_label, self.labels), *(event.label for event in events))
        object.__setattr__(self, "labels", tuple(dict.fromkeys(labels)))
        if not self.id:
            raise InputError(f"{self.audio}: has an empty id; wanted a unique name")
        if not (math.isfinite(self.duration) and self.duration >= 0 and math.isfinite(self.start) and self.start >= 0):
            raise InputError(f"{self.id}: duration {self.duration} or start {self.start} is not a finite number of seconds of 0 or more")
        if self.end is not None and not (math.isfinite(self.end) and self.end > self.start):
            raise InputError(f"{self.id}: end {self.end} is not after start {self.start}; wanted seconds, or no end")


FIELDS = tuple(each.name for each in fields(Item))
DEFAULTS = {
    each.name: each.default_factory() if each.default_factory is not dataclasses.MISSING else each.default
    for each in fields(Item)
    if each.name not in ("id", "audio")
}
NUMBERS = ("duration", "start", "end")
#: Fields that are lists; in csv they are JSON in their cell, like `values`.
LISTS = ("captions", "labels", "events", "questions", "tracks")


def from_record(record: Mapping[str, Any], folder: Path) -> Item:
    """Convert the fields of a JSON or csv record to an Item; relative audio paths are relative to folder (absolute)."""
    unknown = sorted(str(name) for name in record if name not in FIELDS)
    if unknown:
        raise InputError(f"{', '.join(unknown)}: no such field; known: {', '.join(FIELDS)}")
    given = {name: value for name, value in record.items() if value is not None and value != ""}
    if "audio" not in given:
        raise InputError("audio is missing; wanted the path of an audio file")
    values: dict[str, Any] = {name: _text(name, value) for name, value in given.items() if name not in (*NUMBERS, *LISTS, "values")}
    values |= {name: _number(name, given[name]) for name in NUMBERS if name in given}
    values.setdefault("id", values["audio"])
    values["audio"] = folder / values["audio"]
    for name, convert in _ELEMENTS.items():
        values[name] = tuple(convert(value) for value in _list(name, given.get(name, [])))
    values["labels"] = tuple(parse_labels(given.get("labels", [])))
    values["values"] = _values(given.get("values", {}))
    return Item(**values)


def to_record(item: Item, folder: Path) -> dict[str, Any]:
    """Convert an Item to the fields of a JSON record; audio is relative to folder (absolute) where it is under it, else absolute."""
    audio = Path(os.path.abspath(item.audio))
    audio = audio.relative_to(folder) if audio.is_relative_to(folder) else audio
    events = [{name: value for name, value in vars(event).items() if name != "score"} for event in item.events]
    annotations = {name: [asdict(each) for each in getattr(item, name)] for name in ("captions", "questions", "tracks")}
    return {
        **vars(item),
        "audio": audio.as_posix(),
        **annotations,
        "labels": list(item.labels),
        "events": events,
        "values": dict(item.values),
    }


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
        wanted = "a number of seconds" if name in NUMBERS else "a number"
        raise InputError(f"{name} is {str(value)[:40]!r}; wanted {wanted}") from None


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
    given = _object("a caption", value, ("text",), ("style", "weight"))
    return Caption(
        _text("text", given["text"]), _text("style", given.get("style", "original")), _number("weight", given.get("weight", 1.0))
    )


def _event(value: Any) -> Event:
    given = _object("an event", value, ("label", "onset", "offset"))
    return Event(_text("label", given["label"]), _number("onset", given["onset"]), _number("offset", given["offset"]), 1.0)


def _question(value: Any) -> Question:
    given = _object("a question", value, ("text", "answer"))
    return Question(_text("text", given["text"]), _text("answer", given["answer"]))


def _track(value: Any) -> Track:
    given = _object("a track", value, ("label", "times", "azimuth", "elevation"), ("distance",))
    numbers = {name: tuple(_number(name, each) for each in _list(name, given[name])) for name in given if name != "label"}
    return Track(_text("label", given["label"]), **numbers)


def _values(value: Any) -> dict[str, float]:
    """Numbers by name, from a mapping or from JSON in a cell."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise InputError(f"values are not valid JSON: {value[:40]!r}") from None
    if not isinstance(value, Mapping):
        raise InputError(f"values are {str(value)[:40]}; wanted numbers by name")
    return {_text("the name of a value", name): _number(f"value {name!r}", number) for name, number in value.items() if number is not None}


def _object(what: str, value: Any, required: Sequence[str], optional: Sequence[str] = ()) -> Mapping[str, Any]:
    """The fields of an element, without those that are None. InputError for a missing or unknown one."""
    given = {name: each for name, each in value.items() if each is not None} if isinstance(value, Mapping) else {}
    if not set(required) <= given.keys() <= {*required, *optional}:
        also = f", optionally {', '.join(optional)}" if optional else ""
        raise InputError(f"{what} is {str(value)[:60]!r}; wanted an object with {', '.join(required)}{also}")
    return given


_ELEMENTS: dict[str, Callable[[Any], Any]] = {
    "captions": _caption,
    "events": _event,
    "questions": _question,
    "tracks": _track,
}
