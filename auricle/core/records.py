"""Records: what goes in (Clip) and what comes out (Label, Event, Analysis, Classification). Times are seconds, scores are probabilities."""

from __future__ import annotations

import dataclasses
import json
import numbers
from typing import TYPE_CHECKING, Any

from auricle.core.arguments import check, described
from auricle.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np

#: Version of the JSON object that `auricle listen --json` prints. Fields are added within a version, never changed.
JSON_VERSION = 1
_WANTED = "wanted real numbers (channels, samples) that numpy.asarray takes, such as a tensor after .detach().cpu()"


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """Sound in memory.

    samples: float array (C, N), full scale +-1, or what numpy.asarray makes one of, such as a list or a tensor on the CPU. (N,) is taken as
    one channel.
    rate: samples a second, Hz.
    name: what results and errors call it.
    InputError where samples, rate or name are something else.
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
            raise InputError(f"Clip rate is {described(self.rate)}; wanted a positive number of samples a second")
        check(self.name, str, what="Clip name", wanted="a string")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1]) / self.rate


def _numbers(samples: object) -> np.ndarray:
    """An array of real numbers of what a caller calls samples, without a copy where it is one."""
    import numpy as np

    try:
        found = np.asarray(samples)
    except Exception as error:  # whatever the owner of a foreign array raises: a tensor on a GPU, or one with gradients
        raise InputError(f"Clip samples are {described(samples)} ({' '.join(str(error).split())[:100]}); {_WANTED}") from error
    if found.dtype.kind not in "fiu":
        raise InputError(f"Clip samples are {described(samples)}; {_WANTED}")
    return found


@dataclasses.dataclass(frozen=True)
class Label:
    """One word with its calibrated score. present: the score passes the label's threshold and the clip is not silent.

    Of a word that was asked for besides:
    scored_by: "label" where it names a label of the model (`named`), whose score it has; "text" where its text is compared with the
    sound; "head" of a fitted head. times: stretches (s) in which it is present: its events, or else windows. None where it is not.
    """

    label: str
    score: float
    present: bool
    scored_by: str | None = None
    named: str | None = None
    times: tuple[tuple[float, float], ...] | None = None


@dataclasses.dataclass(frozen=True)
class Event:
    """One sounding stretch of one source, from onset to offset in seconds from the start of the file."""

    label: str
    onset: float
    offset: float
    score: float


@dataclasses.dataclass(frozen=True)
class Band:
    """Which frequencies of a file were heard. low, high: Hz. above: share of the file's energy that lies above high, 0 to 1."""

    low: float
    high: float
    above: float = 0.0


@dataclasses.dataclass(frozen=True)
class Analysis:
    """What was heard in one file.

    duration: seconds that the file holds (what it declares where it is cut). coverage: share of its recorded time that was heard, 0 to 1.
    silent: nothing above the threshold of hearing in the band that is heard. tags: best first. events: by onset. perhaps: where no tag is
    present, those that come near (tasks.tagging.guesses).
    labels: scores of the words that were asked for, in the order asked; None when none were. unread: those of which the model reads
    no word: they have no score.
    band: frequencies that the model covers; None where nothing was heard. gaps: stretches (s) that the file says were not recorded.
    tracks: sound tracks in the file, of which the first was heard.
    error: one line saying what is wrong and what to do; None when all is well. A file with an error may still be partly heard.
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
    perhaps: tuple[Label, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The documented JSON object: what comes after events appears only where there is something to say."""
        return _object(self)

    def to_json(self) -> str:
        """One line of JSON, numbers rounded to what they mean (0.1 ms, 1e-4 of a score)."""
        return json.dumps(_rounded(self.to_dict()), ensure_ascii=False)

    def _repr_html_(self) -> str:
        from auricle.core.notebook import heard_html

        return heard_html(self.to_dict())


@dataclasses.dataclass(frozen=True)
class ClassificationQuery:
    """How names were asked for, without which their scores cannot be compared or repeated.

    question: "one" (which one of these?) or "any" (which of these?). wording: the protocol of words. rule: how windows became one answer.
    calibration: what made scores of cosines: "fitted" to labelled clips, the "model"'s own, a "background" of other names, or "none"
    that was made for these words: trust the order, not the number.
    """

    question: str
    wording: str
    rule: str
    calibration: str


@dataclasses.dataclass(frozen=True)
class Classification:
    """Which of the names that were asked for fit one file. A Analysis tells of tags and events, for which nobody looked here.

    labels: best first; empty where nothing could be told, because nothing sounds or nothing could be read. Of "one", a score is the
    label's share, all of them sum to one, and only the best is present; of "any" it is the probability that the label is there.
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
        """The first label that is present, None where none is."""
        return next((label for label in self.labels if label.present), None)

    def to_dict(self) -> dict[str, Any]:
        """The documented JSON object: error, band, gaps, tracks and unread appear only where there is something to say."""
        return _object(self)

    def to_json(self) -> str:
        """One line of JSON, numbers rounded as in Analysis."""
        return json.dumps(_rounded(self.to_dict()), ensure_ascii=False)


def _object(record: Analysis | Classification) -> dict[str, Any]:
    """A record as its JSON object, without what is None, lists that are empty where they mostly are, and the number of tracks if one."""
    full = dataclasses.asdict(record, dict_factory=lambda items: {key: value for key, value in items if value is not None})
    usual = {"gaps": (), "tracks": 1, "unread": (), "perhaps": ()}
    return {"version": JSON_VERSION, **{key: value for key, value in full.items() if key not in usual or value != usual[key]}}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
