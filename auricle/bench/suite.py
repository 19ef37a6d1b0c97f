"""A suite says what is measured and how: which clips, which protocol, in what words, by which split. One JSON file each.

A suite has a name (auricle/bench/suites) or is the path of a JSON file of one's own; both are read by the same strict rules, so that a
score can be repeated from what is printed beside it. Which clips: a laid-out corpus (docs/data.md), a download of a published one as its
makers lay it out (docs/corpora.md), or a manifest (auricle.data.manifest).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, ValidationError, model_validator

from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.data import corpora, manifest
from auricle.data.catalogue import ALL, CATALOGUE
from auricle.data.item import Item

_HOME = Path(__file__).resolve().parent / "suites"

Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
ProtocolName: TypeAlias = Literal["zero_shot", "retrieval", "linear_probe", "few_shot", "tagging", "order"]

#: Metrics of each protocol; the first of a suite is the one that it is judged by.
METRICS: dict[str, tuple[str, ...]] = {
    "zero_shot": ("accuracy", "macro_accuracy", "top5"),
    "linear_probe": ("accuracy", "macro_accuracy"),
    "few_shot": ("logistic", "prototypical"),
    "tagging": ("map", "lwlrap", "dprime"),
    "order": ("accuracy",),
    "retrieval": tuple(
        f"{way}_{metric}" for way in ("text_to_audio", "audio_to_text") for metric in ("r1", "r5", "r10", "map10", "median_rank")
    ),
}


class Split(Strict):
    """Which clips are learnt from and which are scored.

    by fold: each of the corpus's folds is left out in turn. by source: recordings or speakers whole, in so many parts, each left out in
    turn. by official: the folds named train and test. shared: the makers' own parts have sources in common, and are used so.
    """

    by: Literal["fold", "source", "official"]
    parts: Annotated[int, Field(ge=2)] = 5
    train: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    shared: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.by == "official") != bool(self.train and self.test):
            raise ValueError("train and test name folds where, and only where, the split is official")
        if self.shared and self.by == "source":
            raise ValueError("a split by source shares none")
        if set(self.train) & set(self.test):
            raise ValueError("a fold is in train and in test")
        return self


class Episodes(Strict):
    """Few-shot episodes: so many of `ways` classes with `shots` examples and `queries` clips to tell each."""

    count: Count = 300
    ways: Annotated[int, Field(ge=2)] = 5
    shots: Count = 5
    queries: Count = 5


class Suite(Strict):
    """What is measured. Fields that a protocol has no use for keep their defaults.

    corpus: a laid-out corpus; published: an entry of auricle.data.catalogue; manifest: name of a manifest in the data folder; one of the
    three or none, and a manifest given by path goes before all. missing: what a published corpus's lost files are, an error or left out.
    fold: only clips of this fold are scored, of a published corpus its split. label: plain words ("labels"), or the corpus's own ("own").
    labels: the vocabulary; by default all labels of the clips, sorted. words: label -> what it is called. prompt: a protocol of words, a
    sentence, or None for the model's own. rule: of windows. answers: by the words for labels, or by the model's own head. ontology: of
    labels, whose ancestors count too. style: of captions. draws: of the bootstrap. chance: of the first metric.
    """

    format: Literal[1]
    name: Name
    about: str
    protocol: ProtocolName
    corpus: str | None = None
    published: str | None = None
    missing: Literal["raise", "skip"] = "raise"
    manifest: str | None = None
    fold: str | None = None
    label: Literal["labels", "own"] = "labels"
    labels: tuple[str, ...] = ()
    words: Mapping[str, str] = {}
    prompt: str | None = None
    rule: Literal["mean", "max", "top3"] = "mean"
    answers: Literal["words", "labels"] = "words"
    ontology: Literal["audioset"] | None = None
    style: str = "original"
    split: Split | None = None
    episodes: Episodes | None = None
    seed: int = 0
    draws: Count = 2000
    metrics: Annotated[tuple[str, ...], Field(min_length=1)]
    chance: Share | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if sum(place is not None for place in (self.corpus, self.published, self.manifest)) > 1:
            raise ValueError("several of corpus, published and manifest; wanted one of them at most")
        if (self.protocol == "linear_probe") != (self.split is not None):
            raise ValueError("split belongs to linear_probe, and only there")
        if (self.protocol == "few_shot") != (self.episodes is not None):
            raise ValueError("episodes belong to few_shot, and only there")
        unknown = [metric for metric in self.metrics if metric not in METRICS[self.protocol]]
        if unknown or len(set(self.metrics)) != len(self.metrics):
            raise ValueError(f"metrics {', '.join(self.metrics)}; wanted some of {', '.join(METRICS[self.protocol])}, each once")
        return self

    @property
    def needs_words(self) -> bool:
        """Whether the model must be able to compare sounds with words."""
        return self.protocol in ("zero_shot", "retrieval", "order") or (self.protocol == "tagging" and self.answers == "words")


def names() -> tuple[str, ...]:
    """Suites in this install, sorted."""
    return tuple(sorted(path.stem for path in _HOME.glob("*.json")))


def read(asked: str | Path) -> Suite:
    """A suite by its name, or by the path of a JSON file."""
    path = Path(asked)
    if path.suffix != ".json":
        if str(asked) not in names():
            raise InputError(f"no suite {str(asked)!r}; wanted one of {', '.join(names())}, or the path of a JSON file (docs/bench.md)")
        path = _HOME / f"{asked}.json"
    try:
        return Suite.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a suite (docs/bench.md)") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "suite"
        raise InputError(f"{path}: {where}: {first['msg']} ({error.error_count()} problem(s)); docs/bench.md tells the format") from error


def items(suite: Suite, data: Path | None) -> list[Item]:
    """The clips of a suite, those of its fold alone. data: the folder that holds corpora or manifests, or a manifest itself."""
    found = _found(suite, data)
    if suite.fold is not None:
        found = [item for item in found if item.fold == suite.fold]
    if not found:
        of = f" of fold {suite.fold!r}" if suite.fold is not None else ""
        raise InputError(f"{data}: holds no clip{of} for the suite {suite.name}; wanted at least one")
    double, times = Counter(item.id for item in found).most_common(1)[0]
    if times > 1:
        raise InputError(f"{data}: clip {double!r} is there {times} times; wanted each once")
    return found


def _found(suite: Suite, data: Path | None) -> list[Item]:
    if data is None:
        raise InputError(f"the suite {suite.name} needs clips; name {_wanted(suite)} with --data")
    if not data.is_dir():
        return manifest.read(data)
    if suite.corpus is not None:
        return _of_corpus(suite, data)
    if suite.published is not None:
        return _of_published(suite, data)
    if suite.manifest is None:
        raise InputError(f"{data}: is a folder; wanted {_wanted(suite)}")
    return manifest.read(data / suite.manifest)


def _wanted(suite: Suite) -> str:
    if suite.corpus is not None:
        return f"the folder with the corpus {suite.corpus} (docs/data.md)"
    if suite.published is not None:
        return f"a download of {suite.published} (docs/corpora.md), the folder that holds it, or a manifest"
    return f"a manifest, or the folder with {suite.manifest}" if suite.manifest is not None else "a manifest (docs/bench.md)"


def _of_published(suite: Suite, data: Path) -> list[Item]:
    name = str(suite.published)
    if name not in CATALOGUE:
        raise InputError(f"published corpus {name!r} is unknown; wanted one of {', '.join(CATALOGUE)}")
    within = data / name
    return CATALOGUE[name].items(within if within.is_dir() else data, suite.fold or ALL, missing=suite.missing)


def _of_corpus(suite: Suite, root: Path) -> list[Item]:
    rows = corpora.read(root, [str(suite.corpus)])
    found = manifest.items_from_rows(rows)
    if suite.label == "own":
        found = [dataclasses.replace(item, labels=(row.label.replace("_", " "),)) for item, row in zip(found, rows, strict=True)]
    return found


def vocabulary(suite: Suite, found: Sequence[Item]) -> tuple[str, ...]:
    """The labels that are told apart: the suite's own list, or all of the clips, sorted."""
    known = {label for item in found for label in item.labels}
    if suite.labels:
        if unknown := sorted(known - set(suite.labels)):
            raise InputError(f"{unknown[0]!r} and {len(unknown) - 1} other labels are not among those of the suite {suite.name}")
        return suite.labels
    if len(known) < 2:
        raise InputError(f"the clips have {len(known)} different labels; wanted two or more, so that there is something to tell")
    return tuple(sorted(known))


def single(found: Sequence[Item]) -> list[str]:
    """The one label of each clip."""
    wrong = next((item for item in found if len(item.labels) != 1), None)
    if wrong is not None:
        raise InputError(f"clip {wrong.id!r} has {len(wrong.labels)} labels; wanted one each, or a suite of the protocol tagging")
    return [item.labels[0] for item in found]


def groups(found: Sequence[Item]) -> list[str]:
    """What may not be split or drawn apart: (corpus, source) of each clip, or the clip itself where no source is known."""
    return [f"{item.corpus}/{item.source}" if item.source else f"{item.corpus}//{item.id}" for item in found]
