"""Searching: words, an example, or both in; ranked hits out, each a stretch of a recording.

Words are scored as a Listener scores them: the calibrated fit of the words' vector, or the trained score of a label that the words
name, whichever is higher. An example is scored by the cosine of likeness, a taught sound by its head, several of them by the product
of their scores. What is not wanted scales a score down by how well it fits. Windows of one recording that touch and score alike are
one hit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from auricle.archive import labels, store
from auricle.archive.cached_index import CachedIndex
from auricle.archive.store import Archive, quoted, vectors_of
from auricle.core.arguments import check, describe
from auricle.core.errors import InputError
from auricle.core.paths import is_missing, path_to_text, resolve_path, text_to_path
from auricle.core.records import Clip
from auricle.listen.fewshot import Head
from auricle.listen.listener import Listener
from auricle.listen.neighbours import Neighbour, best
from auricle.listen.pipeline import Space
from auricle.listen.scores import sigmoid, unit
from auricle.listen.vocabulary import split_tags
from auricle.signal.streaming import cut

_COLUMNS = ["file", "onset", "offset", "tags", "scores", "vector", "likeness"]
_NONE = np.zeros((0, 0), np.float32)
_ALIKE = 0.6  # a neighbour belongs to a hit from this share of the best window's score
_CANDIDATES = 20  # a wanted hit
_MOMENT = 0.5  # s for which a searcher that keeps an outline takes it for the newest


@dataclasses.dataclass(frozen=True)
class Query:
    """What is searched for. like: an example, PATH or PATH@START-END in seconds. where: SQL over the windows' columns.

    taught: name of a taught sound, or NAME@VERSION.
    """

    text: str | None = None
    like: str | None = None
    unwanted: tuple[str, ...] = ()
    where: str | None = None
    taught: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class _Wanted:
    """A query as vectors. words (D,), sound (E,): unit length. example: the stretch of the example, which is no hit."""

    words: np.ndarray | None = None
    sound: np.ndarray | None = None
    example: tuple[str, float, float] | None = None
    head: Head | None = None


@dataclasses.dataclass(frozen=True)
class Hit:
    """A stretch of a recording, seconds from its start. tags: labels present in its best window.

    missing: the recording is not where it was when it was indexed.
    """

    file: str
    onset: float
    offset: float
    score: float
    tags: tuple[str, ...] = ()
    missing: bool = False

    def to_json(self) -> str:
        """One line of JSON."""
        told: dict[str, Any] = {"file": self.file, "onset": round(self.onset, 3), "offset": round(self.offset, 3)}
        told |= {"score": round(self.score, 4)}
        told |= {"tags": self.tags, "missing": True} if self.missing else {"tags": self.tags}
        return json.dumps(told, ensure_ascii=False)


class Windows:
    """Windows of an archive as columns, a recording's together and in order. onsets, offsets: s (N,). files: numbers of names (N,).

    vectors (N, D), likeness (N, E): float32, unit length, to compare with words and with sounds; (0, 0) where they were not read.
    """

    def __init__(self, rows: Any) -> None:
        """rows: an Arrow table with _COLUMNS, or those of an outline."""
        if rows["file"].type == "string":  # those of an outline are encoded, and in order
            rows = rows.sort_by([("file", "ascending"), ("onset", "ascending")])
        rows = rows.combine_chunks()
        self.vectors, self.likeness = (vectors_of(rows, name) if name in rows.column_names else _NONE for name in ("vector", "likeness"))
        self.onsets, self.offsets = (np.asarray(rows[name]) for name in ("onset", "offset"))
        encoded = rows["file"].combine_chunks().dictionary_encode()  # nothing is done to what is encoded already
        self.files, self.names = np.asarray(encoded.indices), encoded.dictionary
        self._tags = rows["tags"]
        self._kept: Any = rows["scores"].combine_chunks() if "scores" in rows.column_names else None

    def __len__(self) -> int:
        return len(self.onsets)

    def file(self, place: int) -> str:
        """The recording of one window."""
        return str(self.names[int(self.files[place])].as_py())

    def tags(self, place: int) -> str:
        """Labels present in one window, as they are stored (listen.vocabulary.split_tags)."""
        return str(self._tags[place].as_py())

    def scores(self, label: str) -> np.ndarray:
        """Trained scores of a label, (N,); 0 where it was too low to be kept."""
        labels, values, places = self._flat
        chosen = labels == self._labels.get(label, -1)
        found = np.zeros(len(self), np.float32)
        found[places[chosen]] = values[chosen]
        return found

    @functools.cached_property
    def _labels(self) -> dict[str, int]:
        flat = self._kept.flatten().field("label").dictionary_encode()
        return {label: number for number, label in enumerate(flat.dictionary.to_pylist())}

    @functools.cached_property
    def _flat(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every score that was kept: number of its label, its value, the place of its window."""
        flat = self._kept.flatten()
        counts = np.diff(np.asarray(self._kept.offsets))
        labels = np.asarray(flat.field("label").dictionary_encode().indices)
        return labels, np.asarray(flat.field("score")), np.repeat(np.arange(len(self)), counts)


class Searcher:
    """Searches one archive. Keeps its windows in memory while they are few enough, and looks for new ones at every call.

    keep: hold a large archive's outline in memory too, as a service should: it takes some seconds once, and each search less.
    New windows of a large archive are then found half a second after they were written, and once a search has taken them in; while one
    does, others answer from the windows before, or from the table as long as there are none. Safe to share between threads.
    """

    def __init__(self, archive: Archive, listener: Listener, *, keep: bool = False) -> None:
        archive.check(listener)
        self.archive, self.listener, self._keep = archive, listener, keep
        self._outline: CachedIndex | None = None
        self._looked, self._looking = -math.inf, threading.Lock()
        self._kept: tuple[int, Windows] | None = None
        self._heads: tuple[int, dict[str, Head]] = (-1, {})  # of taught sounds, at a version of their table
        self._indexed: tuple[int, bool] | None = None  # version of the table, and whether its tags have an index

    def search(self, query: Query, *, k: int = 20, sound: np.ndarray | None = None) -> list[Hit]:
        """The k best hits, best first. sound: unit vector of likeness (E,) of an example that was heard already, in place of query.like."""
        check(query, Query, what="query", wanted="a Query, such as Query('rain on a roof')")
        if not isinstance(k, Integral) or k < 1:
            raise InputError(f"k is {describe(k)}; wanted 1 or more")
        wanted = self._wanted(query, sound)
        windows, scores = self._ranked(query, wanted, _CANDIDATES * k)
        vocabulary = frozenset(self.listener.labels)
        return list(_hits(windows, scores, hop=self.archive.header.hop, k=k, without=wanted.example, vocabulary=vocabulary))

    def prepare(self) -> None:
        """Read what searches will want in memory, so that the first of them need not."""
        if self._outlined() is None and self.archive.table("windows").count_rows() <= store.EXACT:
            self._all()

    def windows(self, query: Query, count: int) -> Windows:
        """Windows to choose from: all of a small archive, of a large one some `count` that are nearest to what is wanted."""
        return self._candidates(query, self._wanted(query), count)

    def nearest(self, vector: np.ndarray, count: int, *, space: Space = "likeness") -> list[Neighbour]:
        """The `count` windows nearest to a unit vector, nearest first: all compared in a small archive, by its index in a large one."""
        windows, cosines = self._near(vector, count, "vector" if space == "words" else "likeness")
        return [
            Neighbour(windows.file(p), float(windows.onsets[p]), float(windows.offsets[p]), float(cosines[p]))
            for p in best(cosines, count).tolist()
        ]

    def _near(self, vector: np.ndarray, count: int, column: str) -> tuple[Windows, np.ndarray]:
        """Windows, the nearest to a unit vector among them, with their cosines."""
        if (outline := self._outlined()) is not None:
            return _chosen(outline, *outline.nearest(vector, count, column=column))
        table = self.archive.table("windows")
        many = table.count_rows() > store.EXACT
        windows = Windows(nearest(table, vector, count, column=column).select(_COLUMNS)) if many else self._all()
        return windows, (windows.vectors if column == "vector" else windows.likeness) @ vector

    def _outlined(self) -> CachedIndex | None:
        """The outline of a large archive that is kept, as it was a moment ago or later; None of any other, and while the first is read."""
        if self._keep and self._is_late() and self._looking.acquire(blocking=False):
            try:
                if self._is_late():  # another thread may have looked a moment ago
                    self._look()
            finally:
                self._looking.release()
        return self._outline

    def _is_late(self) -> bool:
        return time.monotonic() - self._looked >= _MOMENT

    def _look(self) -> None:
        now, table = time.monotonic(), self.archive.table("windows")
        if table.count_rows() <= store.EXACT:
            self._outline = None
        elif self._outline is None or self._outline.version != table.version:
            with contextlib.suppress(RuntimeError):  # a writer dropped what was being read: the next look is at what is there then
                self._outline = CachedIndex(self.archive, earlier=self._outline)
        self._looked = now

    def _ranked(self, query: Query, wanted: _Wanted, count: int) -> tuple[Windows, np.ndarray]:
        """Windows with their scores."""
        single = sum(part is not None for part in (wanted.words, wanted.sound, wanted.head)) == 1
        if single and not query.unwanted and not query.where and (outline := self._outlined()) is not None:
            return self._quickly(query, wanted, outline, count)
        windows = self._candidates(query, wanted, count)
        return windows, self._scores(query, wanted, windows)

    def _quickly(self, query: Query, wanted: _Wanted, outline: CachedIndex, count: int) -> tuple[Windows, np.ndarray]:
        """One thing wanted of a large archive: its index tells the cosines, the outline the rest, and no vector is read.

        A window that only a trained label brings has a cosine below all that the index told, so it is scored by the label alone.
        """
        learnt = None if wanted.head is None else unit(wanted.head.weights)
        direction = next(part for part in (wanted.words, wanted.sound, learnt) if part is not None)
        places, cosines = outline.nearest(direction, count, column="likeness" if wanted.words is None else "vector")
        if wanted.words is not None:
            found = [(places, self.listener.score(cosines)), *(outline.labelled(label, count) for label in self._named(query.text))]
        elif wanted.head is not None:
            found = [(places, sigmoid(cosines * np.linalg.norm(wanted.head.weights) + np.float32(wanted.head.bias)))]
        else:
            found = [(places, np.maximum(cosines, 0))]
        return _chosen(outline, np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found]))

    def _wanted(self, query: Query, sound: np.ndarray | None = None) -> _Wanted:
        if not query.text and not query.like and not query.taught and sound is None:
            raise InputError("nothing to search for; wanted words, an example with --like, or the name of a taught sound")
        words = self._embedded(query.text) if query.text else None
        sound, example = self._example(query.like) if query.like else (sound, None)
        return _Wanted(words, sound, example, self._head(query.taught) if query.taught else None)

    def _head(self, name: str) -> Head:
        """Head of a taught sound, read once a version of what was taught."""
        version, known = self.archive.table("taught").version, self._heads
        if known[0] != version:
            known = self._heads = version, {}
        if name not in known[1]:
            known[1][name] = labels.find(self.archive, name).head
        return known[1][name]

    def _example(self, like: str) -> tuple[np.ndarray, tuple[str, float, float]]:
        """Unit vector of an example (E,), and where it lies: that stretch is no hit."""
        path, start, end = parse_span(like)
        vector = self.listener.embed_audio(_cut(path, start, end), space="likeness")
        return vector.reshape(-1), (path_to_text(path.resolve()), start, end)

    def _candidates(self, query: Query, wanted: _Wanted, count: int) -> Windows:
        table = self.archive.table("windows")
        if table.count_rows() <= store.EXACT:
            return self._filtered(query.where) if query.where else self._all()
        found = []
        if wanted.sound is not None:
            found.append(nearest(table, wanted.sound, count, column="likeness", where=query.where))
        if wanted.head is not None:
            found.append(nearest(table, unit(wanted.head.weights), count, column="likeness", where=query.where))
        if wanted.words is not None:
            found.append(nearest(table, wanted.words, count, where=query.where))
            for label in self._named(query.text):
                found.append(self._tagged(table, label, count, query.where))
        return _joined([rows.select(_COLUMNS) for rows in found])

    def _tagged(self, table: Any, label: str, count: int, where: str | None) -> Any:
        """Rows that a label is present in, by the index of tags where there is one."""
        if self._indexed is None or self._indexed[0] != table.version:
            self._indexed = table.version, any(found.columns == ["tags"] for found in table.list_indices())
        if self._indexed[1]:
            rows = _fetched(table.search(label, query_type="fts", fts_columns="tags"), where, [*_COLUMNS, "_score"], limit=count)
            return rows.select(_COLUMNS)
        return _fetched(table.search(), _both(f"tags LIKE {quoted('%' + label + '%')}", where), _COLUMNS, limit=count)

    def _all(self) -> Windows:
        table = self.archive.table("windows")
        if self._kept is None or self._kept[0] != table.version:
            self._kept = table.version, Windows(_fetched(table.search(), None, _COLUMNS))
        return self._kept[1]

    def _filtered(self, where: str | None) -> Windows:
        return Windows(_fetched(self.archive.table("windows").search(), where, _COLUMNS))

    def _scores(self, query: Query, wanted: _Wanted, windows: Windows) -> np.ndarray:
        scores = np.ones(len(windows), np.float32)
        if wanted.words is not None:
            scores = scores * self._fit(query.text or "", windows, windows.vectors @ wanted.words)
        if wanted.sound is not None:
            scores = scores * np.maximum(windows.likeness @ wanted.sound, 0)
        if wanted.head is not None:
            scores = scores * wanted.head.scores(windows.likeness)
        for unwanted in query.unwanted:
            vector = self._embedded(unwanted)
            scores = scores * (1 - self._fit(unwanted, windows, windows.vectors @ vector))
        return np.asarray(scores, dtype=np.float32)

    def _fit(self, words: str, windows: Windows, cosine: np.ndarray) -> np.ndarray:
        fits = [self.listener.score(cosine), *(windows.scores(label) for label in self._named(words))]
        return np.asarray(np.max(fits, axis=0))

    def _embedded(self, words: str) -> np.ndarray:
        if self.listener.vocabulary.find(words) is None and self.listener.unread([words]):
            raise InputError(f"{words!r}: {self.listener.config.name} reads no such words; wanted words of the language it was trained on")
        return np.asarray(self.listener.embed_text([words])[0])

    def _named(self, words: str | None) -> list[str]:
        """Labels of the vocabulary that the words name, as in listening, or that stand among them."""
        named, said = self.listener.vocabulary.find(words or ""), _spelled(words or "")
        return [label for place, label in enumerate(self.listener.labels) if place == named or _spelled(label) in said]


def _spelled(words: str) -> str:
    """Words in small letters, each with spaces around it."""
    return " ".join(["", *re.findall(r"[^\W_]+", words.lower()), ""])


def nearest(
    table: Any, vector: np.ndarray, count: int, *, column: str = "vector", where: str | None = None, columns: Sequence[str] = _COLUMNS
) -> Any:
    """Rows of the windows nearest to a unit vector, nearest first, by the table's index where it has one, with `_distance` and `_rowid`."""
    near = table.search(vector, vector_column_name=column).distance_type("cosine").nprobes(store.PROBES).with_row_id(True)
    return _fetched(near, where, [*columns, "_distance"], limit=count)


def _chosen(outline: CachedIndex, places: np.ndarray, scores: np.ndarray) -> tuple[Windows, np.ndarray]:
    """Windows of an outline by place, each once with the best of its scores, in order."""
    different, back = np.unique(places, return_inverse=True)
    highest = np.full(len(different), -np.inf, np.float32)
    np.maximum.at(highest, back, scores.astype(np.float32))
    return Windows(outline.rows.take(different)), highest


def parse_span(text: str) -> tuple[Path, float, float]:
    """PATH@START-END to a path and seconds; the whole recording (0 to infinity) where no span is given."""
    found = re.fullmatch(r"(.+)@(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", text)
    if found is None or os.path.exists(resolve_path(text)):
        return resolve_path(text), 0.0, float("inf")
    start, end = float(found[2]), float(found[3])
    if end <= start:
        raise InputError(f"{text}: ends at {end:g} s, before it starts; wanted PATH@START-END in seconds")
    return resolve_path(found[1]), start, end


def _cut(path: Path, start: float, end: float) -> Path | Clip:
    if not start and end == float("inf"):
        return path
    return cut(path, start, end)


def _both(first: str, second: str | None) -> str:
    return f"({first}) AND ({second})" if second else first


def _fetched(search: Any, where: str | None, columns: Sequence[str], *, limit: int | None = None) -> Any:
    """Rows of a table as Arrow. InputError where the filter makes no sense."""
    try:
        return (search.where(where) if where else search).select(list(columns)).limit(limit).to_arrow()
    except (ValueError, RuntimeError) as error:
        if not where:
            raise
        raise InputError(f"--where {where!r}: {' '.join(str(error).split())}") from error


def _joined(found: Sequence[Any]) -> Windows:
    """Candidates of several searches, each window once."""
    import pyarrow

    rows = pyarrow.concat_tables(found)
    seen: dict[tuple[str, float], int] = {}
    for place, key in enumerate(zip(rows["file"].to_pylist(), rows["onset"].to_pylist(), strict=True)):
        seen.setdefault(key, place)
    return Windows(rows.take(list(seen.values())))


def _hits(
    windows: Windows,
    scores: np.ndarray,
    *,
    hop: float,
    k: int,
    without: tuple[str, float, float] | None,
    vocabulary: frozenset[str],
) -> Iterator[Hit]:
    """Best first: the best window that is left, with the neighbours that score like it."""
    taken: set[int] = set()
    given = 0
    for top in map(int, _best_first(scores, _CANDIDATES * k)):
        if given == k:
            return
        name, onset, offset = windows.file(top), float(windows.onsets[top]), float(windows.offsets[top])
        if top in taken or _overlaps(without, name, onset, offset):
            continue
        span = [top, *_neighbours(windows, scores, top, hop=hop, taken=taken)]
        taken.update(span)
        given += 1
        tags = split_tags(windows.tags(top), vocabulary)
        start, end = float(windows.onsets[min(span)]), float(windows.offsets[max(span)])
        yield Hit(name, start, end, float(scores[top]), tags, is_missing(text_to_path(name)))


def _best_first(scores: np.ndarray, count: int) -> Iterator[int]:
    """Places by falling score, equal ones in order; the first `count` without sorting all."""
    first = best(scores, count)
    yield from first
    rest = np.setdiff1d(np.arange(len(scores)), first)
    yield from rest[np.argsort(-scores[rest], kind="stable")]


def _neighbours(windows: Windows, scores: np.ndarray, best: int, *, hop: float, taken: set[int]) -> Iterator[int]:
    for step in (-1, 1):
        near = best + step
        while (
            0 <= near < len(scores)
            and near not in taken
            and windows.files[near] == windows.files[best]
            and abs(windows.onsets[near] - windows.onsets[near - step]) < 1.5 * hop
            and scores[near] >= _ALIKE * scores[best]
        ):
            yield near
            near += step


def _overlaps(span: tuple[str, float, float] | None, file: str, onset: float, offset: float) -> bool:
    return span is not None and span[0] == file and onset < span[2] and offset > span[1]
