"""Labels: what people said of sounds in, the versions of each taught sound out. A version is a row that is never changed."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import numpy as np

from auricle.archive.store import Archive, quoted
from auricle.core.errors import InputError
from auricle.core.table import normalise_label
from auricle.listen.fewshot import Head
from auricle.metrics.bootstrap import wilson

_LONGEST = 80  # letters of a name


@dataclasses.dataclass(frozen=True)
class Example:
    """A stretch of a recording, seconds from its start; all of it by default."""

    file: str
    onset: float = 0.0
    offset: float = float("inf")

    @property
    def key(self) -> tuple[str, int, int]:
        """What makes two stretches the same: the file and the times in milliseconds; -1 for the end."""
        return self.file, round(self.onset * 1000), -1 if self.offset == float("inf") else round(self.offset * 1000)


@dataclasses.dataclass(frozen=True, eq=False)
class Label:
    """An example with its answer. vector: float32 (E,), of unit length, in the space of likeness."""

    example: Example
    yes: bool
    vector: np.ndarray


@dataclasses.dataclass(frozen=True)
class Precision:
    """Share of what a version found that is right, with its 95 % interval (Wilson 1927): of n finds drawn at random and looked at."""

    value: float
    low: float
    high: float
    n: int
    version: int


@dataclasses.dataclass(frozen=True, eq=False)
class TaughtClass:
    """One version of a taught sound. precision: of the version before, when its finds were looked at to make this one."""

    name: str
    version: int
    labels: tuple[Label, ...]
    head: Head
    precision: Precision | None

    def to_dict(self) -> dict[str, Any]:
        """What people and programs are told: name, version, how many yes and no, precision where it is known."""
        right = sum(label.yes for label in self.labels)
        told: dict[str, Any] = {"name": self.name, "version": self.version, "yes": right, "no": len(self.labels) - right}
        if self.precision is not None:
            told["precision"] = {key: round(value, 4) for key, value in dataclasses.asdict(self.precision).items()}
        return told

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


def plain_name(name: str) -> str:
    """A taught sound's name as it is stored: a plain label. InputError where it is none."""
    found = normalise_label(name)
    if not found or len(found) > _LONGEST or not found.isprintable() or "@" in found:
        raise InputError(f"{name!r}: is no name for a sound; wanted 1 to {_LONGEST} letters on one line, without @")
    return found


def every(archive: Archive) -> list[TaughtClass]:
    """The latest version of each taught sound, by name."""
    rows = archive.table("taught").to_arrow().to_pylist()
    latest = {row["name"]: row for row in sorted(rows, key=lambda row: int(row["version"]))}
    return [_taught(latest[name]) for name in sorted(latest)]


def find(archive: Archive, name: str) -> TaughtClass:
    """A taught sound by NAME, its latest version, or NAME@VERSION; InputError says which there are."""
    found = re.fullmatch(r"([^@]*)@(\d+)", name)
    wanted, version = (found[1], int(found[2])) if found else (name, None)
    wanted = plain_name(wanted)
    rows = archive.table("taught").search().where(f"name = {quoted(wanted)}").limit(None).to_arrow().to_pylist()
    rows = [row for row in rows if version in (None, row["version"])]
    if not rows:
        names = ", ".join(taught.name for taught in every(archive)) or "none so far"
        raise InputError(f"{name}: was not taught to {archive.folder}; known: {names}; teach it with: auricle teach NAME --yes EXAMPLE")
    return _taught(max(rows, key=lambda row: int(row["version"])))


def row_of(taught: TaughtClass) -> dict[str, Any]:
    """A version as a row of the table."""
    labels = [
        dataclasses.asdict(label.example) | {"yes": label.yes, "vector": label.vector}
        for label in sorted(taught.labels, key=lambda label: label.example.key)
    ]
    checked = taught.precision
    return {
        "name": taught.name,
        "version": taught.version,
        "labels": labels,
        "weights": taught.head.weights,
        "bias": taught.head.bias,
        "right": 0 if checked is None else round(checked.value * checked.n),
        "checked": 0 if checked is None else checked.n,
    }


def precision(right: int, checked: int, version: int) -> Precision | None:
    """Of so many finds of a version that were looked at, so many were right; None where nobody looked."""
    return Precision(right / checked, *wilson(right, checked), checked, version) if checked else None


def _taught(row: dict[str, Any]) -> TaughtClass:
    labels = tuple(
        Label(Example(said["file"], said["onset"], said["offset"]), said["yes"], np.asarray(said["vector"], np.float32))
        for said in row["labels"]
    )
    head = Head(np.asarray(row["weights"], np.float32), float(row["bias"]))
    return TaughtClass(row["name"], row["version"], labels, head, precision(row["right"], row["checked"], row["version"] - 1))
