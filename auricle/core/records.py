"""Input and output records: Clip; Label, Event, Analysis, Classification. Times are in seconds, scores are probabilities."""

from __future__ import annotations

import dataclasses
import json
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auricle.core.arguments import check, describe
from auricle.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np

#: Version of the JSON object of `auricle listen --json`. Within a version, fields are added but never changed.
JSON_VERSION = 1
_MAX_HOPS, _TOLERANCE = 100, 1e-6  # of a window
_WANTED = "wanted real numbers (channels, samples) that numpy.asarray takes, such as a tensor after .detach().cpu()"


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """Audio in memory.

    samples: float array (C, N), full scale +-1, or anything that numpy.asarray converts to one, such as a list or a tensor on the CPU.
    (N,) is one channel.
    rate: sampling rate, Hz.
    name: its name in results and errors.
    InputError where samples, rate or name are invalid.

    >>> import numpy as np
    >>> clip = auricle.Clip(np.zeros((1, 16_000), np.float32), 16_000)
    >>> listener.listen(clip).silent
    True
    """

    samples: np.ndarray
    rate: int
    name: str = "<array>"

    def __post_init__(self) -> None:
        samples = _numbers(self.samples)
        if samples.ndim == 1:
            samples = samples[None, :]
        object.__setattr__(self, "samples", samples)
        if samples.ndim != 2:
            raise InputError(f"Clip samples have shape {samples.shape}; wanted (channels, samples) or (samples,)")
        if not isinstance(self.rate, numbers.Real) or isinstance(self.rate, bool) or not self.rate > 0:
            raise InputError(f"Clip rate is {describe(self.rate)}; wanted a positive number of samples per second")
        check(self.name, str, what="Clip name", wanted="a string")

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return float(self.samples.shape[1]) / self.rate


def _numbers(samples: object) -> np.ndarray:
    """Convert samples to an array of real numbers, without a copy where they are one."""
    import numpy as np

    try:
        array = np.asarray(samples)
    except Exception as error:  # array libraries raise their own classes, such as for a tensor on a GPU or with gradients
        raise InputError(f"Clip samples are {describe(samples)} ({' '.join(str(error).split())[:100]}); {_WANTED}") from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"Clip samples are {describe(samples)}; {_WANTED}")
    return array


@dataclasses.dataclass(frozen=True)
class Label:
    """One label with its calibrated score. present: the score reaches the label's threshold and the clip is not silent.

    implied_by: a narrower label that is present too, from which this one follows, such as dog for animal; None where there is none.
    Only for labels of the query:
    scored_by: "label" where it means a label of the model (`named`) and has its score; "text" where its text embedding is compared
    with the audio; "head" for a fitted head. times: intervals (s) in which it is present: its events, or else windows; None if absent.
    """

    label: str
    score: float
    present: bool
    scored_by: str | None = None
    named: str | None = None
    times: tuple[tuple[float, float], ...] | None = None
    implied_by: str | None = None


@dataclasses.dataclass(frozen=True)
class Event:
    """One continuous sound of one source, from onset to offset in seconds from the start of the file.

    implied_by: a narrower label whose events, with those of other narrower ones, cover this one; None where they do not.
    """

    label: str
    onset: float
    offset: float
    score: float
    implied_by: str | None = None


@dataclasses.dataclass(frozen=True)
class EventWindows:
    """Windows that give a model without frame-level scores its events. window: length; hop: from start to start; both in seconds.

    Times of events are multiples of hop. InputError unless a window is a whole number of hops, 1 to 100.
    """

    window: float
    hop: float

    def __post_init__(self) -> None:
        for name, value in (("window", self.window), ("hop", self.hop)):
            if not isinstance(value, numbers.Real) or isinstance(value, bool) or not 0 < value < float("inf"):
                raise InputError(f"{name} is {describe(value)}; wanted a positive number of seconds")
        if not 1 <= self.count <= _MAX_HOPS or abs(self.window / self.hop - self.count) > _TOLERANCE:
            raise InputError(
                f"window is {self.window:g} s and hop {self.hop:g} s; wanted a window of a whole number of hops, 1 to {_MAX_HOPS}, "
                "such as 1 s and 0.25 s"
            )

    @staticmethod
    def of(window: float | None, hop: float | None) -> EventWindows | None:
        """Windows of a length and a hop, by default a quarter of it; None for neither. InputError as the class, or for a hop alone."""
        if window is None:
            if hop is not None:
                raise InputError(f"hop is {describe(hop)} without a window; wanted both, such as a window of 1 s and a hop of 0.25 s")
            return None
        check(window, numbers.Real, what="window", wanted="seconds")
        return EventWindows(window, window / 4 if hop is None else hop)

    @property
    def count(self) -> int:
        """Number of windows that cover one moment."""
        return round(self.window / self.hop)


@dataclasses.dataclass(frozen=True)
class Band:
    """Frequency band of a file that the model covers. low, high: Hz. above: share of the file's energy above high, 0 to 1."""

    low: float
    high: float
    above: float = 0.0


@dataclasses.dataclass(frozen=True)
class Analysis:
    """Result of the analysis of one file.

    duration: seconds (as declared by the file where it is truncated). coverage: share of the recorded time that was analysed, 0 to 1.
    silent: no block above the silence threshold in the band of the model. tags: best first. events: by onset. perhaps: where no tag is
    present, those that come close (tasks.tagging.guesses).
    labels: scores of the labels of the query, in its order; None without a query. unread: those whose text the model has no tokens for;
    they have no score. negated: those that deny a sound ("no dog"); they have no score.
    band: frequencies that the model covers; None where nothing was analysed. gaps: intervals (s) that the file marks as not recorded.
    tracks: number of audio tracks in the file; the first one is analysed.
    event_windows: the windows that events come from, None where they come from frame-level scores.
    error: one line: what is wrong and what to do; None without an error. A file with an error may still be partly analysed.
    answers: of further outputs of the model by name: a number, text, or a record of the output's task.
    """

    file: str
    duration: float = 0.0
    coverage: float = 0.0
    silent: bool = False
    tags: tuple[Label, ...] = ()
    events: tuple[Event, ...] = ()
    labels: tuple[Label, ...] | None = None
    error: str | None = None
    band: Band | None = None
    gaps: tuple[tuple[float, float], ...] = ()
    tracks: int = 1
    unread: tuple[str, ...] = ()
    negated: tuple[str, ...] = ()
    perhaps: tuple[Label, ...] = ()
    event_windows: EventWindows | None = None
    answers: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def narrowest(self) -> Analysis:
        """The analysis without tags and events that follow from narrower ones, such as animal where there is a dog."""
        tags, perhaps = (tuple(tag for tag in tags if tag.implied_by is None) for tags in (self.tags, self.perhaps))
        return dataclasses.replace(self, tags=tags, perhaps=perhaps, events=tuple(each for each in self.events if each.implied_by is None))

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON object (docs/json.md). The fields after events are left out where they are empty."""
        return _object(self)

    def to_json(self) -> str:
        """Return one line of JSON, times rounded to 0.1 ms and scores to 1e-4."""
        return json.dumps(_rounded(self.to_dict()), ensure_ascii=False)

    def _repr_html_(self) -> str:
        from auricle.core.notebook import analysis_html

        return analysis_html(self.narrowest().to_dict())


@dataclasses.dataclass(frozen=True)
class ClassificationQuery:
    """Settings of a classification, needed to compare or repeat its scores.

    question: "one" (exclusive labels) or "any" (multi-label). wording: the prompt set. rule: how windows are pooled. calibration: from
    cosines to scores: "fitted" to labelled clips, the "model"'s own, from a "background" of other labels, or "none": then only the
    ranking is meaningful.
    """

    question: str
    wording: str
    rule: str
    calibration: str


@dataclasses.dataclass(frozen=True)
class Classification:
    """Result of classifying one file among given labels. It has no tags and events; see Analysis for these.

    labels: best first; empty for a silent or unreadable file. With question "one" the scores sum to one and only the best label is
    present; with "any" a score is the probability that the label is present.
    duration, coverage, silent, error, band, gaps, tracks, unread: as in Analysis.
    """

    file: str
    asked: ClassificationQuery
    duration: float = 0.0
    coverage: float = 0.0
    silent: bool = False
    labels: tuple[Label, ...] = ()
    error: str | None = None
    band: Band | None = None
    gaps: tuple[tuple[float, float], ...] = ()
    tracks: int = 1
    unread: tuple[str, ...] = ()

    @property
    def best(self) -> Label | None:
        """The best label that is present, None if none is."""
        return next((label for label in self.labels if label.present), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON object (docs/json.md). error, band, gaps, tracks and unread are left out where they are empty."""
        return _object(self)

    def to_json(self) -> str:
        """Return one line of JSON, rounded as in Analysis."""
        return json.dumps(_rounded(self.to_dict()), ensure_ascii=False)


def _object(record: Analysis | Classification) -> dict[str, Any]:
    """Convert a record to its JSON object, without values that are None or equal to the defaults below."""
    full = dataclasses.asdict(record, dict_factory=lambda items: {key: value for key, value in items if value is not None})
    defaults = {"gaps": (), "tracks": 1, "unread": (), "negated": (), "perhaps": (), "answers": {}}
    return {"version": JSON_VERSION, **{key: value for key, value in full.items() if key not in defaults or value != defaults[key]}}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
