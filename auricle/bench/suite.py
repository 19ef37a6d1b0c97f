"""Suites: definitions of what is measured and how (clips, protocol, labels, split, metrics), one JSON file each.

A suite has a name (auricle/bench/suites) or is the path of your own JSON file; both are validated by the same strict rules, and a result
contains its suite, so that a score can be repeated. Clips come from a prepared corpus (docs/data.md), a download of a published corpus in
its original layout (docs/corpora.md), or a manifest (auricle.data.manifest).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, ValidationError, model_validator

from auricle.core.config import Positive, Strict
from auricle.core.errors import InputError
from auricle.data import corpora, manifest
from auricle.data.catalogue import ALL, CATALOGUE
from auricle.data.item import Item
from auricle.data.licences import is_testable
from auricle.tasks import detection, event, registry, retrieval, tagging

_FOLDER = Path(__file__).resolve().parent / "suites"

Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
ProtocolName: TypeAlias = Literal["zero_shot", "retrieval", "linear_probe", "few_shot", "tagging", "detection", "order", "task"]

#: Classifiers of the protocol few_shot (auricle.bench.protocols.few_shot), each with its accuracy.
HEADS = ("logistic", "prototypical")
#: Metrics of each protocol, those of the task that it measures. The first metric of a suite decides comparisons.
METRICS: dict[str, tuple[str, ...]] = {
    "zero_shot": event.METRICS,
    "linear_probe": event.METRICS,
    "few_shot": HEADS,
    "tagging": tagging.METRICS,
    "detection": detection.METRICS,
    "order": ("accuracy",),
    "retrieval": retrieval.METRICS,
}


class Split(Strict):
    """Split of clips into training and test.

    by "fold": each fold of the corpus is the test set in turn. "source": cross-validation in `parts` folds with whole recordings or
    speakers. "official": the folds named in train and test. shared: the corpus's own folds have sources in common, which is allowed.
    """

    by: Literal["fold", "source", "official"]
    parts: Annotated[int, Field(ge=2)] = 5
    train: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    shared: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.by == "official") != bool(self.train and self.test):
            raise ValueError("train and test belong to an official split, and only there")
        if self.shared and self.by == "source":
            raise ValueError("a split by source cannot be shared")
        if set(self.train) & set(self.test):
            raise ValueError("a fold is in both train and test")
        return self


class Episodes(Strict):
    """Few-shot episodes: `count` of them, each with `ways` classes of `shots` examples and `queries` test clips."""

    count: Count = 300
    ways: Annotated[int, Field(ge=2)] = 5
    shots: Count = 5
    queries: Count = 5


class ShortWindows(Strict):
    """Windows that give a model without frame-level scores its events: length, and distance of their starts, in seconds."""

    window: Positive = 1.0
    hop: Positive = 0.25


class Suite(Strict):
    """Definition of a suite. Fields that a protocol does not use keep their defaults.

    corpus: a prepared corpus; published: an entry of auricle.data.catalogue; manifest: name of a manifest in the data folder; at most one
    of the three, and a manifest given by path takes precedence. missing: missing files of a published corpus are an error or skipped.
    fold: only clips of this fold are scored (of a published corpus, its split). label: plain words ("labels"), or the corpus's own labels
    ("own"). labels: the vocabulary; by default all labels of the clips, sorted. words: label -> text for the text tower, or the model's own
    label. prompt: a prompt protocol, a sentence, or None for the model's own. rule: aggregation of windows. answers: score labels by their
    text embeddings ("words") or by the model's own head ("labels"). ontology: whose ancestors of labels count too. style: of captions.
    windows: for events of a model without frame-level scores; 1 s every 0.25 s by default. collar: of event F1 by collars, seconds; None is
    0.2. draws: of the bootstrap. task: of the protocol "task", by its name, or by the path of a file of your own. metrics: some of the
    protocol's; all of them where the protocol is "task" and none is named. chance: of the first metric.
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
    windows: ShortWindows | None = None
    collar: Positive | None = None
    seed: int = 0
    draws: Count = 2000
    task: str | None = None
    metrics: tuple[str, ...]
    chance: Share | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if sum(source is not None for source in (self.corpus, self.published, self.manifest)) > 1:
            raise ValueError("several of corpus, published and manifest; wanted one of them at most")
        if (self.protocol == "linear_probe") != (self.split is not None):
            raise ValueError("split belongs to linear_probe, and only there")
        if (self.protocol == "few_shot") != (self.episodes is not None):
            raise ValueError("episodes belong to few_shot, and only there")
        if self.protocol != "detection" and not (self.windows is None and self.collar is None):
            raise ValueError("windows and collar belong to detection, and only there")
        if (self.protocol == "task") != (self.task is not None):
            raise ValueError("task belongs to the protocol task, and only there")
        if self.task is not None:
            return self  # its metrics are known when it is scored
        unknown = [metric for metric in self.metrics if metric not in METRICS[self.protocol]]
        if unknown or not self.metrics or len(set(self.metrics)) != len(self.metrics):
            raise ValueError(f"metrics {', '.join(self.metrics)}; wanted some of {', '.join(METRICS[self.protocol])}, each once")
        return self

    @property
    def needs_text_tower(self) -> bool:
        """Whether the model needs a text tower."""
        return self.protocol in ("zero_shot", "retrieval", "order") or (self.protocol == "tagging" and self.answers == "words")


def suite_names() -> tuple[str, ...]:
    """Names of the shipped suites, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def read_suite(name: str | Path) -> Suite:
    """Read a suite by its name, or by the path of a JSON file; the name of a task, or the path of its .py file, is scored on a manifest.

    InputError where it does not exist or is not valid.
    """
    path = Path(name)
    if path.suffix == ".py" or (str(name) in registry.BUILT_IN and str(name) not in suite_names()):
        task = registry.find(str(name))
        return Suite(format=1, name=task.name.replace("_", "-"), about=task.about, protocol="task", task=str(name), metrics=())
    if path.suffix != ".json":
        if str(name) not in suite_names():
            raise InputError(
                f"no suite {str(name)!r}; wanted one of {', '.join(suite_names())}, a task, or the path of a JSON file (docs/bench.md)"
            )
        path = _FOLDER / f"{name}.json"
    try:
        return Suite.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a suite (docs/bench.md)") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "suite"
        raise InputError(
            f"{path}: {where}: {first['msg']} ({error.error_count()} problem(s)); docs/bench.md describes the format"
        ) from error


def load_items(suite: Suite, data: Path | None) -> list[Item]:
    """Load the clips of a suite, of its fold where it names one. data: the folder of the corpus, of corpora or of manifests, or a manifest.

    InputError where there is no clip, two have the same id, or one was not recorded but made.
    """
    items = _read_items(suite, data)
    made = [item for item in items if not is_testable(item.corpus)]
    if made:
        raise InputError(
            f"{data}: {len(made)} of {len(items)} clips were not recorded, such as {made[0].id!r}; wanted recordings: "
            "synthetic sounds are for training alone"
        )
    if suite.fold is not None:
        items = [item for item in items if item.fold == suite.fold]
    if not items:
        of = f" of fold {suite.fold!r}" if suite.fold is not None else ""
        raise InputError(f"{data}: has no clip{of} for the suite {suite.name}; wanted at least one")
    duplicate, times = Counter(item.id for item in items).most_common(1)[0]
    if times > 1:
        raise InputError(f"{data}: clip {duplicate!r} occurs {times} times; wanted each once")
    return items


def _read_items(suite: Suite, data: Path | None) -> list[Item]:
    if data is None:
        raise InputError(f"the suite {suite.name} needs clips; give with --data {_describe_source(suite)}")
    if not data.is_dir():
        return manifest.read(data)
    if suite.corpus is not None:
        return _read_corpus(suite, data)
    if suite.published is not None:
        return _read_published(suite, data)
    if suite.manifest is None:
        raise InputError(f"{data}: is a folder; wanted {_describe_source(suite)}")
    return manifest.read(data / suite.manifest)


def _describe_source(suite: Suite) -> str:
    if suite.corpus is not None:
        return f"the folder of the prepared corpus {suite.corpus} (docs/data.md), or the folder that contains it"
    if suite.published is not None:
        return f"a download of {suite.published} (docs/corpora.md), the folder that contains it, or a manifest"
    return f"a manifest, or the folder with {suite.manifest}" if suite.manifest is not None else "a manifest (docs/bench.md)"


def _read_published(suite: Suite, data: Path) -> list[Item]:
    name = str(suite.published)
    if name not in CATALOGUE:
        raise InputError(f"published corpus {name!r} is unknown; wanted one of {', '.join(CATALOGUE)}")
    folder = data / name
    return CATALOGUE[name].items(folder if folder.is_dir() else data, suite.fold or ALL, missing=suite.missing)


def _read_corpus(suite: Suite, root: Path) -> list[Item]:
    rows = corpora.read(root, [str(suite.corpus)])
    items = manifest.items_from_rows(rows)
    if suite.label == "own":
        items = [dataclasses.replace(item, labels=(row.label.replace("_", " "),)) for item, row in zip(items, rows, strict=True)]
    return items


def vocabulary(suite: Suite, items: Sequence[Item], *, of_events: bool = False) -> tuple[str, ...]:
    """The classes of an evaluation: the suite's own list, or all labels of the clips, sorted.

    of_events: all labels of their events. InputError for fewer than two labels, or no event.
    """
    present = {label for item in items for label in ([event.label for event in item.events] if of_events else item.labels)}
    if suite.labels:
        if unknown := sorted(present - set(suite.labels)):
            raise InputError(f"{unknown[0]!r} and {len(unknown) - 1} other labels are not among those of the suite {suite.name}")
        return suite.labels
    if of_events and not present:
        raise InputError("no clip has an event; wanted `events` in the manifest, a list of {label, onset, offset}")
    if not of_events and len(present) < 2:
        raise InputError(f"the clips have {len(present)} different labels; wanted two or more")
    return tuple(sorted(present))


def single_labels(items: Sequence[Item]) -> list[str]:
    """The label of each clip. InputError where a clip has none or several."""
    wrong = next((item for item in items if len(item.labels) != 1), None)
    if wrong is not None:
        raise InputError(f"clip {wrong.id!r} has {len(wrong.labels)} labels; wanted one each, or a suite of the protocol tagging")
    return [item.labels[0] for item in items]


def groups(items: Sequence[Item]) -> list[str]:
    """Group of each clip, kept whole in splits and resampling: its corpus and source, or the clip itself where no source is known."""
    return [f"{item.corpus}/{item.source}" if item.source else f"{item.corpus}//{item.id}" for item in items]
