"""Answers and questions as JSON: what the OpenAPI document says of them. docs/json.md tells what the fields mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from auricle.core.records import JSON_VERSION, Analysis

Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Identity = Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="Hash of a recording's content, as hits tell it.")]
Words = Annotated[str, Field(min_length=1, max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Filter = Annotated[str, Field(min_length=1, max_length=2000, description="SQL over the columns of windows; see docs/archive.md.")]
Count = Annotated[int, Field(ge=1, le=200)]


class Tag(BaseModel):
    """A label with its score. scored_by, named, times: of labels that were asked for, see docs/json.md."""

    label: str
    score: float
    present: bool
    scored_by: str | None = None
    named: str | None = None
    times: list[tuple[float, float]] | None = None


class Sounding(BaseModel):
    """A label with the stretch in which it sounds, s."""

    label: str
    onset: float
    offset: float
    score: float


class Heights(BaseModel):
    """Which frequencies were heard. low, high: Hz. above: share of the recording's energy that lies above high, 0 to 1."""

    low: float
    high: float
    above: float


class AnalysisAnswer(BaseModel):
    """What was heard in a recording: the object that `auricle listen --json` prints."""

    version: int
    file: str
    duration: float
    coverage: float
    silent: bool
    tags: list[Tag] | None = None
    events: list[Sounding] | None = None
    labels: list[Tag] | None = None
    error: str | None = None
    band: Heights | None = None
    gaps: list[tuple[float, float]] | None = None
    tracks: int | None = None
    unread: list[str] | None = None
    perhaps: list[Tag] | None = None


class Vector(BaseModel):
    """A recording's vector, of unit length: the object that `auricle embed --json` prints."""

    version: int
    file: str
    embedding: list[float]


class Found(BaseModel):
    """A hit. id: hash of the recording's content, which /sound takes. onset, offset, duration: s. missing: it is not where it was."""

    id: str
    file: str
    name: str
    onset: float
    offset: float
    score: float
    tags: list[str]
    duration: float
    missing: bool


class Hits(BaseModel):
    """Hits, best first."""

    hits: list[Found]


class Precision(BaseModel):
    """Share of what `version` found that is right, with its 95 % interval, of n finds that were looked at."""

    value: float
    low: float
    high: float
    n: int
    version: int


class Taught(BaseModel):
    """The latest version of a taught sound: how many answers said yes and no, and how precise the version before was."""

    name: str
    version: int
    yes: int
    no: int
    precision: Precision | None = None


class TaughtList(BaseModel):
    """Taught sounds by name."""

    taught: list[Taught]


class Proposed(BaseModel):
    """A stretch that is worth a yes or a no, as a hit; and why."""

    id: str
    file: str
    name: str
    onset: float
    offset: float
    score: float
    duration: float
    why: str


class Proposals(BaseModel):
    """What to look at next."""

    proposals: list[Proposed]


class ArchiveFacts(BaseModel):
    """How much is in the archive."""

    files: int
    windows: int


class Limits(BaseModel):
    """The most that an upload may be: bytes of its body, seconds of its sound."""

    bytes: int
    seconds: float


class Health(BaseModel):
    """That the service is up, and what it serves."""

    status: str
    version: str
    model: str
    archive: ArchiveFacts | None
    limits: Limits


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Stretch(_Asked):
    """A stretch of a recording in the archive, s from its start."""

    id: Identity
    onset: Seconds
    offset: Seconds

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.offset <= self.onset:
            raise ValueError(f"the stretch ends at {self.offset:g} s and starts at {self.onset:g} s; wanted onset < offset")
        return self


class Search(_Asked):
    """What to search for: words, a stretch that sounds like it, a taught sound; without what is not wanted, within a filter."""

    text: Words | None = None
    like: Stretch | None = None
    taught: Name | None = None
    unwanted: list[Words] = Field(default=[], alias="not", max_length=20)
    where: Filter | None = None
    k: Count = 20

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if self.text is None and self.like is None and self.taught is None:
            raise ValueError("nothing to search for; wanted text, like or taught")
        return self


class Teach(_Asked):
    """Stretches that are the sound, and stretches that are not."""

    name: Name
    yes: list[Stretch] = Field(default=[], max_length=1000)
    no: list[Stretch] = Field(default=[], max_length=1000)


class Find(_Asked):
    """What was taught to find: NAME, or NAME@VERSION."""

    name: Name
    k: Count = 20
    where: Filter | None = None


def heard_text(heard: Analysis, parts: Sequence[str]) -> str:
    """One line of JSON, as the command line prints it: without the parts that were not asked for."""
    told = json.loads(heard.to_json())
    for part in {"tags", "events"} - set(parts):
        del told[part]
    return json.dumps(told, ensure_ascii=False)


def vector_text(name: str, vector: np.ndarray) -> str:
    """One line of JSON, as the command line prints it."""
    told: dict[str, Any] = {"version": JSON_VERSION, "file": name, "embedding": [round(value, 7) for value in vector.tolist()]}
    return json.dumps(told, ensure_ascii=False)
