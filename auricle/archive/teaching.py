"""Few-shot classes of an archive: fit a class to labelled examples, and propose windows to label next (active learning).

Each call of `Teacher.teach` fits a new version to all labels so far; unlabelled windows of the archive serve as background negatives.
Half of the proposals are drawn at random from the windows that the latest version scores positive: their labels measure its precision.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from auricle.archive.labels import (
    Example,
    Label,
    Precision,
    TaughtClass,
    estimate_precision,
    list_taught,
    load_taught,
    normalise_name,
    to_row,
)
from auricle.archive.search import Query, Searcher, Windows, parse_span
from auricle.archive.store import Archive, quote_sql, vector_column
from auricle.core import table
from auricle.core.errors import InputError
from auricle.core.paths import is_missing, path_to_text, text_to_path
from auricle.core.records import Clip
from auricle.listen import fewshot
from auricle.listen.fewshot import Head
from auricle.listen.listener import Listener
from auricle.signal.formats import SUFFIXES
from auricle.signal.streaming import cut

_BACKGROUND = 1000  # unlabelled windows used as negatives
_CANDIDATES = 5000  # windows scored where an archive is too large to score all
_MIN_CHECKED = 5  # labels from which a precision is reported


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A window to label next.

    why: "check" (drawn at random from the positive windows), "unsure" (score near one half) or "best" (highest score of the unlabelled).
    """

    file: str
    onset: float
    offset: float
    score: float
    why: str

    def to_json(self) -> str:
        """One line of JSON."""
        times = {"onset": round(self.onset, 3), "offset": round(self.offset, 3)}
        return json.dumps({"file": self.file, **times, "score": round(self.score, 4), "why": self.why}, ensure_ascii=False)


def parse_example(text: str) -> Example:
    """Parse PATH or PATH@START-END (seconds)."""
    path, start, end = parse_span(text)
    return Example(path_to_text(path.resolve()), start, end)


def parse_examples(text: str) -> list[Example]:
    """Parse PATH, PATH@START-END, or the path of a table of one label (`core.table`), of which every row is an example.

    InputError where a table has no rows or several labels.
    """
    if Path(text).suffix.lower() not in table.SUFFIXES:
        return [parse_example(text)]
    rows = list(table.read_annotations(Path(text), SUFFIXES))
    labels = sorted({row.labels() for row in rows})
    if len(labels) != 1 or len(labels[0]) > 1:
        found = " and ".join(repr(", ".join(one)) for one in labels[:3]) or "no rows"
        raise InputError(f"{text}: has {found}; wanted a table of one label")
    return [Example(path_to_text(row.file), row.onset, row.offset) for row in rows]


class Teacher:
    """Fits few-shot classes in one archive. searcher: one whose windows in memory are shared."""

    def __init__(self, archive: Archive, listener: Listener, searcher: Searcher | None = None) -> None:
        self.archive, self.listener = archive, listener
        self._searcher = searcher or Searcher(archive, listener)

    def taught_classes(self) -> list[TaughtClass]:
        """The latest version of each taught class, sorted by name."""
        return list_taught(self.archive)

    def teach(self, name: str, yes: Sequence[Example] = (), no: Sequence[Example] = ()) -> TaughtClass:
        """Fit and store a new version of a class from these labels and all earlier ones; the latest version where no label is new.

        yes, no: positive and negative examples; a new label of a segment replaces its earlier one. InputError where the name is not
        valid, an example is given as both, cannot be read or is silent, or no example is positive.

        >>> from pathlib import Path
        >>> from auricle.archive import indexing, sources
        >>> from auricle.archive.store import Archive
        >>> from auricle.archive.teaching import Teacher, parse_example
        >>> archive = Archive.create(Path("taught.archive"), listener)
        >>> _ = indexing.index(archive, listener, sources.find_recordings(["examples"]))
        >>> Teacher(archive, listener).teach("our siren", yes=[parse_example("examples/siren.ogg")]).version
        1
        """
        name = normalise_name(name)
        given = {example.key: (example, True) for example in yes}
        for example in no:
            if example.key in given:
                raise InputError(f"{example.file}: is given as yes and as no; wanted one of them")
            given[example.key] = (example, False)
        with self.archive.teaching():
            last = next((taught for taught in self.taught_classes() if taught.name == name), None)
            labels = {} if last is None else {label.example.key: label for label in last.labels}
            new = {key: answer for key, answer in given.items() if key not in labels or labels[key].yes != answer[1]}
            if last is not None and not new:
                return last
            precision = None if last is None else self._measure_precision(last, new.values())
            vectors = {key: labels[key].vector if key in labels else self._embed_example(example) for key, (example, _) in new.items()}
            labels |= {key: Label(example, positive, vectors[key]) for key, (example, positive) in new.items()}
            ordered = tuple(sorted(labels.values(), key=lambda label: label.example.key))
            taught = TaughtClass(name, 1 if last is None else last.version + 1, ordered, self._fit_head(name, ordered), precision)
            self.archive.add_taught(to_row(taught))
        return taught

    def propose(self, name: str, count: int = 10) -> list[Proposal]:
        """Propose windows to label next: half drawn from the positive windows, the others near one half or best; from many recordings.

        name: NAME or NAME@VERSION. InputError where there is no such class.
        """
        taught = load_taught(self.archive, name)
        windows, scores = self._score_windows(taught)
        labelled = _is_labelled(taught, windows)
        checks = islice(_draw_checks(taught, windows, scores, labelled), (count + 1) // 2)
        chosen = dict.fromkeys(checks, "check")
        unsure = np.argsort(np.abs(scores - 0.5), kind="stable").tolist()
        best = np.argsort(-scores, kind="stable").tolist()
        ranked = chain.from_iterable(zip_longest(((index, "unsure") for index in unsure), ((index, "best") for index in best)))
        _fill(chosen, (pair for pair in ranked if pair is not None and not labelled[pair[0]]), windows, count)
        return [
            Proposal(windows.file(index), float(windows.onsets[index]), float(windows.offsets[index]), float(scores[index]), why)
            for index, why in chosen.items()
        ]

    def _embed_example(self, example: Example) -> np.ndarray:
        """Similarity embedding (E,) of a segment: that of a stored window where it is one, else computed."""
        where = f"file = {quote_sql(example.file)} AND abs(onset - {example.onset}) < 0.001"
        if example.offset != float("inf"):
            where += f" AND abs(offset - {example.offset}) < 0.001"
            rows = self.archive.table("windows").search().where(where).select(["likeness"]).limit(1).to_arrow()
            if len(rows):
                return np.asarray(vector_column(rows, "likeness")[0])
        whole = not example.onset and example.offset == float("inf")
        path = text_to_path(example.file)
        source: str | Clip = path if whole else cut(path, example.onset, example.offset)
        if self._is_silent(source):
            part = "" if whole else f" from {example.onset:g} to {example.offset:g} s"
            raise InputError(f"{example.file}: is silent{part}; wanted an audible example")
        return np.asarray(self.listener.embed_audio(source, space="similarity").reshape(-1))

    def _is_silent(self, source: str | Clip) -> bool:
        with self.listener.open(source) as recording:
            return not any(part.sounding for part in recording)

    def _fit_head(self, name: str, labels: Sequence[Label]) -> Head:
        positive, negative = (
            np.array([label.vector for label in labels if label.yes is side]).reshape(-1, self.archive.header.likeness)
            for side in (True, False)
        )
        if not len(positive):
            raise InputError(f"{name}: has no positive example; wanted at least one --yes")
        groups = [label.example.file for side in (True, False) for label in labels if label.yes is side]
        background = self._draw_background(labels)
        if not len(background) and not len(negative):
            raise InputError(f"{self.archive.folder}: has no negatives for {name}; index recordings first, or give examples with --no")
        return fewshot.fit_few_shot(positive, negative, background, groups)

    def _draw_background(self, labels: Sequence[Label]) -> np.ndarray:
        """Vectors (R, E) of unlabelled windows; the same for the same archive and labels."""
        table = self.archive.table("windows")
        total = table.count_rows()
        if not total:
            return np.zeros((0, self.archive.header.likeness), np.float32)
        drawn = np.random.default_rng(0).permutation(total)[:_BACKGROUND]
        rows = table.take_offsets(np.sort(drawn).tolist()).select(["file", "onset", "offset", "likeness"]).to_arrow()
        rows = rows.sort_by([("file", "ascending"), ("onset", "ascending")])
        spans = list(zip(*(rows[column].to_pylist() for column in ("file", "onset", "offset")), strict=True))
        unlabelled = [not any(_overlaps(label.example, span) for label in labels) for span in spans]
        return np.asarray(vector_column(rows, "likeness")[np.array(unlabelled, bool)])

    def _score_windows(self, taught: TaughtClass) -> tuple[Windows, np.ndarray]:
        """Windows with their scores (N,): all of an archive, or of a large one those nearest to the class."""
        windows = self._searcher.windows(Query(taught=f"{taught.name}@{taught.version}"), _CANDIDATES)
        return windows, taught.head.scores(windows.similarity)

    def _measure_precision(self, last: TaughtClass, answers: Iterable[tuple[Example, bool]]) -> Precision | None:
        """Precision of the last version, from new labels of its checks in their drawn order, up to the first without a label."""
        windows, scores = self._score_windows(last)
        positive = {example.key: yes for example, yes in answers}
        right = checked = 0
        for index in _draw_checks(last, windows, scores, _is_labelled(last, windows)):
            key = _window_key(windows, index)
            if key not in positive:
                break
            right, checked = right + positive[key], checked + 1
        return estimate_precision(right, checked, last.version) if checked >= _MIN_CHECKED else None


def _window_key(windows: Windows, index: int) -> tuple[str, int, int]:
    return Example(windows.file(index), float(windows.onsets[index]), float(windows.offsets[index])).key


def _is_labelled(taught: TaughtClass, windows: Windows) -> np.ndarray:
    """Whether each window overlaps a labelled segment, bool (N,)."""
    labelled = np.zeros(len(windows), bool)
    numbers = {name: number for number, name in enumerate(windows.names.to_pylist())}
    for label in taught.labels:
        overlaps = (windows.onsets < label.example.offset) & (windows.offsets > label.example.onset)
        labelled |= overlaps & (windows.files == numbers.get(label.example.file, -1))
    return labelled


def _draw_checks(taught: TaughtClass, windows: Windows, scores: np.ndarray, labelled: np.ndarray) -> Iterator[int]:
    """Indices of positive, unlabelled windows whose recordings exist, in a random order that is the same at every call."""

    def order(index: int) -> bytes:
        return hashlib.sha256(f"{taught.name}\0{taught.version}\0{_window_key(windows, index)}".encode()).digest()

    drawn = sorted(np.flatnonzero((scores >= 0.5) & ~labelled).tolist(), key=order)
    return (index for index in drawn if not is_missing(text_to_path(windows.file(index))))


def _fill(chosen: dict[int, str], ranked: Iterable[tuple[int, str]], windows: Windows, count: int) -> None:
    """Add windows to `chosen` up to `count`: first of recordings without a chosen window, then any."""
    later = []
    files = {int(windows.files[index]) for index in chosen}
    for index, why in ranked:
        if len(chosen) >= count:
            return
        if index in chosen or is_missing(text_to_path(windows.file(index))):
            continue
        if int(windows.files[index]) in files:
            later.append((index, why))
            continue
        files.add(int(windows.files[index]))
        chosen[index] = why
    for index, why in later:
        if len(chosen) < count:
            chosen.setdefault(index, why)


def _overlaps(example: Example, span: tuple[Any, Any, Any]) -> bool:
    file, onset, offset = span
    return bool(file == example.file and onset < example.offset and offset > example.onset)
