"""Taught classes of an archive: their labelled examples, heads and versions, as rows of the table `taught`; rows are never changed."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import numpy as np

from auricle.archive.store import Archive, quote_sql
from auricle.core.errors import InputError
from auricle.core.labels import normalise_label
from auricle.listen.fewshot import Head
from auricle.metrics.bootstrap import wilson

_MAX_NAME = 80  # characters


@dataclasses.dataclass(frozen=True)
class Example:
    """A segment of a recording, seconds from its start; the whole recording by default."""

    file: str
    onset: float = 0.0
    offset: float = float("inf")

    @property
    def key(self) -> tuple[str, int, int]:
        """Identity of the segment: file, onset and offset in milliseconds; -1 for the end of the recording."""
        return self.file, round(self.onset * 1000), -1 if self.offset == float("inf") else round(self.offset * 1000)


@dataclasses.dataclass(frozen=True, eq=False)
class Label:
    """A labelled example. yes: whether it is positive. vector: unit similarity embedding, float32 (E,)."""

    example: Example
    yes: bool
    vector: np.ndarray


@dataclasses.dataclass(frozen=True)
class Precision:
    """Estimated precision of a version with its 95 % interval (Wilson 1927), from n labelled windows drawn at random from its positives."""

    value: float
    low: float
    high: float
    n: int
    version: int


@dataclasses.dataclass(frozen=True, eq=False)
class TaughtClass:
    """One version of a taught class. precision: of the version before, where this one's new labels measured it."""

    name: str
    version: int
    labels: tuple[Label, ...]
    head: Head
    precision: Precision | None

    def to_dict(self) -> dict[str, Any]:
        """Name, version, numbers of positive and negative examples, and the precision where it was measured."""
        positive = sum(label.yes for label in self.labels)
        facts: dict[str, Any] = {"name": self.name, "version": self.version, "yes": positive, "no": len(self.labels) - positive}
        if self.precision is not None:
            facts["precision"] = {key: round(value, 4) for key, value in dataclasses.asdict(self.precision).items()}
        return facts

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


def normalise_name(name: str) -> str:
    """Normalise a taught class's name as labels are (`core.labels.normalise_label`). InputError where it is not a valid name."""
    label = normalise_label(name)
    if not label or len(label) > _MAX_NAME or not label.isprintable() or "@" in label:
        raise InputError(f"{name!r}: is not a valid class name; wanted 1 to {_MAX_NAME} characters on one line, without @")
    return label


def list_taught(archive: Archive) -> list[TaughtClass]:
    """The latest version of each taught class, sorted by name."""
    rows = archive.table("taught").to_arrow().to_pylist()
    latest = {row["name"]: row for row in sorted(rows, key=lambda row: int(row["version"]))}
    return [_from_row(latest[name]) for name in sorted(latest)]


def load_taught(archive: Archive, name: str) -> TaughtClass:
    """Load a taught class by NAME (its latest version) or NAME@VERSION. InputError where it does not exist."""
    match = re.fullmatch(r"([^@]*)@(\d+)", name)
    base, version = (match[1], int(match[2])) if match else (name, None)
    rows = archive.table("taught").search().where(f"name = {quote_sql(normalise_name(base))}").limit(None).to_arrow().to_pylist()
    rows = [row for row in rows if version in (None, row["version"])]
    if not rows:
        names = ", ".join(taught.name for taught in list_taught(archive)) or "none so far"
        raise InputError(f"{name}: was not taught to {archive.folder}; known: {names}; teach it with: auricle teach NAME --yes EXAMPLE")
    return _from_row(max(rows, key=lambda row: int(row["version"])))


def to_row(taught: TaughtClass) -> dict[str, Any]:
    """Convert a version to a row of the table `taught`."""
    labels = [
        dataclasses.asdict(label.example) | {"yes": label.yes, "vector": label.vector}
        for label in sorted(taught.labels, key=lambda label: label.example.key)
    ]
    precision = taught.precision
    return {
        "name": taught.name,
        "version": taught.version,
        "labels": labels,
        "weights": taught.head.weights,
        "bias": taught.head.bias,
        "right": 0 if precision is None else round(precision.value * precision.n),
        "checked": 0 if precision is None else precision.n,
    }


def estimate_precision(right: int, checked: int, version: int) -> Precision | None:
    """Precision of a version of which `right` of `checked` positives were correct; None where none was checked."""
    return Precision(right / checked, *wilson(right, checked), checked, version) if checked else None


def _from_row(row: dict[str, Any]) -> TaughtClass:
    labels = tuple(
        Label(Example(stored["file"], stored["onset"], stored["offset"]), stored["yes"], np.asarray(stored["vector"], np.float32))
        for stored in row["labels"]
    )
    head = Head(np.asarray(row["weights"], np.float32), float(row["bias"]))
    return TaughtClass(row["name"], row["version"], labels, head, estimate_precision(row["right"], row["checked"], row["version"] - 1))
