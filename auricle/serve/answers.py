"""Request and response models of the OpenAPI document. docs/json.md explains the fields."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from auricle.core.records import JSON_VERSION, Analysis

Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
RecordingId = Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="Hash of a recording's content: the id of a hit.")]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Filter = Annotated[str, Field(min_length=1, max_length=2000, description="SQL over the columns of windows; see docs/archive.md.")]
Count = Annotated[int, Field(ge=1, le=200)]


class Tag(BaseModel):
    """A label with its score. scored_by, named, times: only for labels of the query; implied_by: a narrower label. See docs/json.md."""

    label: str
    score: float
    present: bool
    scored_by: str | None = None
    named: str | None = None
    times: list[tuple[float, float]] | None = None
    implied_by: str | None = None


class Event(BaseModel):
    """A label with its onset and offset, s. implied_by: a narrower label, see docs/json.md."""

    label: str
    onset: float
    offset: float
    score: float
    implied_by: str | None = None


class Band(BaseModel):
    """Frequency band that the model covers. low, high: Hz. above: share of the recording's energy above high, 0 to 1."""

    low: float
    high: float
    above: float


class AnalysisAnswer(BaseModel):
    """Analysis of a recording: the object that `auricle listen --json` prints."""

    version: int
    file: str
    duration: float
    coverage: float
    silent: bool
    tags: list[Tag] | None = None
    events: list[Event] | None = None
    labels: list[Tag] | None = None
    error: str | None = None
    band: Band | None = None
    gaps: list[tuple[float, float]] | None = None
    tracks: int | None = None
    unread: list[str] | None = None
    negated: list[str] | None = None
    perhaps: list[Tag] | None = None
    answers: dict[str, Any] | None = None


class Vector(BaseModel):
    """Embedding of a recording, of unit length: the object that `auricle embed --json` prints."""

    version: int
    file: str
    embedding: list[float]


class Hit(BaseModel):
    """A hit. id: hash of the recording's content, for /sound. onset, offset, duration: s. missing: the file no longer exists."""

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

    hits: list[Hit]


class Precision(BaseModel):
    """Precision of the hits of `version`, with its 95 % interval, from n hits that were checked."""

    value: float
    low: float
    high: float
    n: int
    version: int


class TaughtClass(BaseModel):
    """Latest version of a taught class: numbers of positive and negative examples, and the precision of the previous version."""

    name: str
    version: int
    yes: int
    no: int
    precision: Precision | None = None


class TaughtClasses(BaseModel):
    """Taught classes by name."""

    taught: list[TaughtClass]


class Proposal(BaseModel):
    """A window proposed for labelling, as a hit, with the reason."""

    id: str
    file: str
    name: str
    onset: float
    offset: float
    score: float
    duration: float
    why: str


class Proposals(BaseModel):
    """Windows to label next."""

    proposals: list[Proposal]


class ArchiveFacts(BaseModel):
    """Size of the archive."""

    files: int
    windows: int


class Limits(BaseModel):
    """Largest upload: bytes of its body, seconds of its audio."""

    bytes: int
    seconds: float


class Health(BaseModel):
    """Status of the service, and what it serves."""

    status: str
    version: str
    model: str
    archive: ArchiveFacts | None
    limits: Limits


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Interval(_Request):
    """An interval of a recording in the archive, s from its start."""

    id: RecordingId
    onset: Seconds
    offset: Seconds

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.offset <= self.onset:
            raise ValueError(f"the interval ends at {self.offset:g} s and starts at {self.onset:g} s; wanted onset < offset")
        return self


class SearchRequest(_Request):
    """A query: text, an interval as example, a taught class or several of these; with unwanted sounds and a filter."""

    text: Text | None = None
    like: Interval | None = None
    taught: Name | None = None
    unwanted: list[Text] = Field(default=[], alias="not", max_length=20)
    where: Filter | None = None
    k: Count = 20

    @model_validator(mode="after")
    def _check_query(self) -> Self:
        if self.text is None and self.like is None and self.taught is None:
            raise ValueError("nothing to search for; wanted text, like or taught")
        return self


class TeachRequest(_Request):
    """Positive and negative examples of a class."""

    name: Name
    yes: list[Interval] = Field(default=[], max_length=1000)
    no: list[Interval] = Field(default=[], max_length=1000)


class FindRequest(_Request):
    """A search by taught class: NAME, or NAME@VERSION."""

    name: Name
    k: Count = 20
    where: Filter | None = None


def analysis_json(analysis: Analysis, parts: Sequence[str]) -> str:
    """Format an analysis as one line of JSON, like the command line: only with the requested parts."""
    fields = json.loads(analysis.to_json())
    for part in {"tags", "events"} - set(parts):
        del fields[part]
    return json.dumps(fields, ensure_ascii=False)


def vector_json(name: str, vector: np.ndarray) -> str:
    """Format an embedding as one line of JSON, like the command line."""
    fields: dict[str, Any] = {"version": JSON_VERSION, "file": name, "embedding": [round(value, 7) for value in vector.tolist()]}
    return json.dumps(fields, ensure_ascii=False)
