"""Teaching: stretches that are the sound and stretches that are not in, versions of a taught sound and proposals to look at out.

Each call makes a version from all answers so far. Windows of the archive that nobody labelled stand in for what the sound is not.
Half of the proposals are drawn at random from what the latest version finds: answered together, they say how precise it is.
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

from auricle.archive import labels as kept
from auricle.archive.labels import Example, Label, Precision, TaughtClass
from auricle.archive.search import Query, Searcher, Windows, parse_span
from auricle.archive.store import Archive, quoted, vectors_of
from auricle.core import table
from auricle.core.errors import InputError
from auricle.core.paths import is_missing, path_to_text, text_to_path
from auricle.core.records import Clip
from auricle.listen import fewshot
from auricle.listen.fewshot import Head
from auricle.listen.listener import Listener
from auricle.signal.formats import SUFFIXES
from auricle.signal.streaming import cut

_OTHERS = 1000  # windows that nobody labelled, to tell a sound from
_CANDIDATES = 5000  # windows that are scored where an archive is too large to score all
_LEAST = 5  # answers from which a precision is told


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A window worth a look. why: check (drawn from what is found), unsure (near one half) or best (of what nobody looked at)."""

    file: str
    onset: float
    offset: float
    score: float
    why: str

    def to_json(self) -> str:
        """One line of JSON."""
        told = {"file": self.file, "onset": round(self.onset, 3), "offset": round(self.offset, 3), "score": round(self.score, 4)}
        return json.dumps(told | {"why": self.why}, ensure_ascii=False)


def parse_example(text: str) -> Example:
    """PATH or PATH@START-END, as people write it."""
    path, start, end = parse_span(text)
    return Example(path_to_text(path.resolve()), start, end)


def parse_examples(text: str) -> list[Example]:
    """What `parse_example` takes, or a table of one label (`core.table`), of which every row is an example."""
    if Path(text).suffix.lower() not in table.SUFFIXES:
        return [parse_example(text)]
    rows = list(table.read_annotations(Path(text), SUFFIXES))
    labels = sorted({row.label for row in rows})
    if len(labels) != 1:
        raise InputError(f"{text}: has {' and '.join(map(repr, labels[:3])) or 'no rows'}; wanted a table of one label to teach by")
    return [Example(path_to_text(row.file), row.onset, row.offset) for row in rows]


class Teacher:
    """Teaches one archive sounds. Shares a Searcher's windows where one is given."""

    def __init__(self, archive: Archive, listener: Listener, searcher: Searcher | None = None) -> None:
        self.archive, self.listener = archive, listener
        self._searcher = searcher or Searcher(archive, listener)

    def taught(self) -> list[TaughtClass]:
        """The latest version of each taught sound, by name."""
        return kept.every(self.archive)

    def teach(self, name: str, yes: Sequence[Example] = (), no: Sequence[Example] = ()) -> TaughtClass:
        """A new version of a sound, from these answers and all earlier ones; the latest one when they say nothing new.

        A stretch that was answered before takes the new answer. InputError where an example makes no sense, or none says yes.
        """
        name = kept.plain_name(name)
        answers = {example.key: (example, True) for example in yes}
        for example in no:
            if example.key in answers:
                raise InputError(f"{example.file}: is given as yes and as no; wanted one of them")
            answers[example.key] = (example, False)
        with self.archive.teaching():
            last = self._latest(name)
            known = {} if last is None else {label.example.key: label for label in last.labels}
            new = {key: answer for key, answer in answers.items() if key not in known or known[key].yes != answer[1]}
            if last is not None and not new:
                return last
            checked = None if last is None else self._checked(last, new.values())
            vectors = {key: known[key].vector if key in known else self._vector(example) for key, (example, _) in new.items()}
            known |= {key: Label(example, said, vectors[key]) for key, (example, said) in new.items()}
            labels = tuple(sorted(known.values(), key=lambda label: label.example.key))
            taught = TaughtClass(name, 1 if last is None else last.version + 1, labels, self._head(name, labels), checked)
            self.archive.add_taught(kept.row_of(taught))
        return taught

    def propose(self, name: str, count: int = 10) -> list[Proposal]:
        """Windows most worth a look: half drawn from what is found, the rest near one half or best; from many recordings."""
        taught = kept.find(self.archive, name)
        windows, scores = self._scored(taught)
        looked = _looked_at(taught, windows)
        checks = islice(_check_list(taught, windows, scores, looked), (count + 1) // 2)
        chosen = dict.fromkeys(checks, "check")
        unsure = np.argsort(np.abs(scores - 0.5), kind="stable").tolist()
        best = np.argsort(-scores, kind="stable").tolist()
        ranked = chain.from_iterable(zip_longest(((place, "unsure") for place in unsure), ((place, "best") for place in best)))
        _spread(chosen, (pair for pair in ranked if pair is not None and not looked[pair[0]]), windows, count)
        return [
            Proposal(windows.file(p), float(windows.onsets[p]), float(windows.offsets[p]), float(scores[p]), why)
            for p, why in chosen.items()
        ]

    def _latest(self, name: str) -> TaughtClass | None:
        return next((taught for taught in kept.every(self.archive) if taught.name == name), None)

    def _vector(self, example: Example) -> np.ndarray:
        """What a stretch sounds like: a stored window's vector where it is one, else heard."""
        where = f"file = {quoted(example.file)} AND abs(onset - {example.onset}) < 0.001"
        if example.offset != float("inf"):
            where += f" AND abs(offset - {example.offset}) < 0.001"
            rows = self.archive.table("windows").search().where(where).select(["likeness"]).limit(1).to_arrow()
            if len(rows):
                return np.asarray(vectors_of(rows, "likeness")[0])
        whole = not example.onset and example.offset == float("inf")
        path = text_to_path(example.file)
        source: str | Clip = path if whole else cut(path, example.onset, example.offset)
        if not self._sounds(source):
            where = "in it" if whole else f"at {example.onset:g} to {example.offset:g} s"
            raise InputError(f"{example.file}: nothing sounds {where}; wanted an example that can be heard")
        return np.asarray(self.listener.embed_audio(source, space="likeness").reshape(-1))

    def _sounds(self, source: str | Clip) -> bool:
        with self.listener.hearing(source) as hearing:
            return any(part.sounding for part in hearing)

    def _head(self, name: str, labels: Sequence[Label]) -> Head:
        sides = [
            np.array([label.vector for label in labels if label.yes is side]).reshape(-1, self.archive.header.likeness)
            for side in (True, False)
        ]
        if not len(sides[0]):
            raise InputError(f"{name}: has no example that says what it is; wanted at least one --yes")
        groups = [label.example.file for side in (True, False) for label in labels if label.yes is side]
        others = self._others(labels)
        if not len(others) and not len(sides[1]):
            raise InputError(f"{self.archive.folder}: holds nothing to tell {name} from; index recordings first, or give some with --no")
        return fewshot.teach(sides[0], sides[1], others, groups)

    def _others(self, labels: Sequence[Label]) -> np.ndarray:
        """Vectors (R, E) of windows that nobody labelled, the same ones for the same archive."""
        table = self.archive.table("windows")
        total = table.count_rows()
        if not total:
            return np.zeros((0, self.archive.header.likeness), np.float32)
        drawn = np.random.default_rng(0).permutation(total)[:_OTHERS]
        rows = table.take_offsets(np.sort(drawn).tolist()).select(["file", "onset", "offset", "likeness"]).to_arrow()
        rows = rows.sort_by([("file", "ascending"), ("onset", "ascending")])
        spans = list(zip(*(rows[column].to_pylist() for column in ("file", "onset", "offset")), strict=True))
        free = [not any(_meets(label.example, span) for label in labels) for span in spans]
        return np.asarray(vectors_of(rows, "likeness")[np.array(free, bool)])

    def _scored(self, taught: TaughtClass) -> tuple[Windows, np.ndarray]:
        """Windows with their scores (N,): all of an archive, or those nearest to the sound in a large one."""
        windows = self._searcher.windows(Query(taught=f"{taught.name}@{taught.version}"), _CANDIDATES)
        return windows, taught.head.scores(windows.likeness)

    def _checked(self, last: TaughtClass, answers: Iterable[tuple[Example, bool]]) -> Precision | None:
        """How precise the last version is, from answers to the head of its list of checks, as far as they have no gap."""
        windows, scores = self._scored(last)
        said = {example.key: yes for example, yes in answers}
        right = checked = 0
        for place in _check_list(last, windows, scores, _looked_at(last, windows)):
            key = _key(windows, place)
            if key not in said:
                break
            right, checked = right + said[key], checked + 1
        return kept.precision(right, checked, last.version) if checked >= _LEAST else None


def _key(windows: Windows, place: int) -> tuple[str, int, int]:
    return Example(windows.file(place), float(windows.onsets[place]), float(windows.offsets[place])).key


def _looked_at(taught: TaughtClass, windows: Windows) -> np.ndarray:
    """Which windows (N,) meet a stretch that was answered."""
    looked = np.zeros(len(windows), bool)
    numbers = {name: number for number, name in enumerate(windows.names.to_pylist())}
    for label in taught.labels:
        meets = (windows.onsets < label.example.offset) & (windows.offsets > label.example.onset)
        looked |= meets & (windows.files == numbers.get(label.example.file, -1))
    return looked


def _check_list(taught: TaughtClass, windows: Windows, scores: np.ndarray, looked: np.ndarray) -> Iterator[int]:
    """Places of what is found, nobody looked at and can be looked at, in an order that is random and always the same."""

    def lot(place: int) -> bytes:
        return hashlib.sha256(f"{taught.name}\0{taught.version}\0{_key(windows, place)}".encode()).digest()

    drawn = sorted(np.flatnonzero((scores >= 0.5) & ~looked).tolist(), key=lot)
    return (place for place in drawn if not is_missing(text_to_path(windows.file(place))))


def _spread(chosen: dict[int, str], ranked: Iterable[tuple[int, str]], windows: Windows, count: int) -> None:
    """Fill up to count: first places in recordings that have none yet, then any."""
    later = []
    files = {int(windows.files[place]) for place in chosen}
    for place, why in ranked:
        if len(chosen) >= count:
            return
        if place in chosen or is_missing(text_to_path(windows.file(place))):
            continue
        if int(windows.files[place]) in files:
            later.append((place, why))
            continue
        files.add(int(windows.files[place]))
        chosen[place] = why
    for place, why in later:
        if len(chosen) < count:
            chosen.setdefault(place, why)


def _meets(example: Example, span: tuple[Any, Any, Any]) -> bool:
    file, onset, offset = span
    return bool(file == example.file and onset < example.offset and offset > example.onset)
