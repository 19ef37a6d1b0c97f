"""Search of an archive by text, by an audio example, by a taught class, or several of these; hits are segments of recordings.

A text scores as in a Listener: by the trained score of the label that it means, else by the calibrated cosine of its embedding; of
several sounds ("dog or frog") the highest counts. An example scores by the cosine of similarity embeddings, a taught class by its head;
several parts of a query multiply. An unwanted text multiplies by one minus its score. Adjacent windows of one recording with similar
scores are merged into one hit.
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
from auricle.archive.indexing import MIN_SCORE
from auricle.archive.store import Archive, quote_sql, vector_column
from auricle.core.arguments import check, describe
from auricle.core.errors import InputError
from auricle.core.paths import is_missing, path_to_text, resolve_path, text_to_path
from auricle.listen.fewshot import Head
from auricle.listen.listener import Listener
from auricle.listen.neighbours import Neighbour, top_indices
from auricle.listen.pipeline import Space
from auricle.listen.scores import sigmoid, unit
from auricle.listen.vocabulary import split_tags
from auricle.signal.streaming import cut

_COLUMNS = ["file", "onset", "offset", "tags", "scores", "vector", "likeness"]
_NO_VECTORS = np.zeros((0, 0), np.float32)
_MERGE_RATIO = 0.6  # an adjacent window joins a hit from this share of the best window's score
_CANDIDATES = 20  # per requested hit
_REFRESH_SECONDS = 0.5  # least time between two checks for a new version of a cached index


@dataclasses.dataclass(frozen=True)
class Query:
    """A search query; at least one of text, like and taught.

    text: words. like: an audio example, PATH or PATH@START-END in seconds. unwanted: texts that hits should not match. where: SQL over
    the windows' columns. taught: NAME of a taught class, or NAME@VERSION.
    """

    text: str | None = None
    like: str | None = None
    unwanted: tuple[str, ...] = ()
    where: str | None = None
    taught: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class _QueryVectors:
    """A query as vectors. text (D,), audio (E,): unit length. example: segment of the audio example, excluded from the hits."""

    text: np.ndarray | None = None
    audio: np.ndarray | None = None
    example: tuple[str, float, float] | None = None
    head: Head | None = None


@dataclasses.dataclass(frozen=True)
class Hit:
    """A segment of a recording that matches a query. onset, offset: seconds from its start. tags: labels present in its best window.

    missing: the recording no longer exists at its path.
    """

    file: str
    onset: float
    offset: float
    score: float
    tags: tuple[str, ...] = ()
    missing: bool = False

    def to_json(self) -> str:
        """One line of JSON."""
        facts = {"file": self.file, "onset": round(self.onset, 3), "offset": round(self.offset, 3), "score": round(self.score, 4)}
        return json.dumps(facts | {"tags": self.tags} | ({"missing": True} if self.missing else {}), ensure_ascii=False)


class Windows:
    """Windows of an archive as columns, sorted by recording and onset.

    onsets, offsets: s (N,). files: indices into names (N,). vectors (N, D), similarity (N, E): text-aligned and similarity embeddings,
    float32, unit length; (0, 0) where they were not read.
    """

    def __init__(self, rows: Any) -> None:
        """rows: an Arrow table with _COLUMNS, or rows of a CachedIndex."""
        if rows["file"].type == "string":  # those of a cached index are dictionary-encoded, and sorted
            rows = rows.sort_by([("file", "ascending"), ("onset", "ascending")])
        rows = rows.combine_chunks()
        self.vectors, self.similarity = (
            vector_column(rows, name) if name in rows.column_names else _NO_VECTORS for name in ("vector", "likeness")
        )
        self.onsets, self.offsets = (np.asarray(rows[name]) for name in ("onset", "offset"))
        encoded = rows["file"].combine_chunks().dictionary_encode()  # no work where it is encoded already
        self.files, self.names = np.asarray(encoded.indices), encoded.dictionary
        self._tags = rows["tags"]
        self._label_scores: Any = rows["scores"].combine_chunks() if "scores" in rows.column_names else None

    def __len__(self) -> int:
        return len(self.onsets)

    def file(self, index: int) -> str:
        """The recording of one window."""
        return str(self.names[int(self.files[index])].as_py())

    def tags(self, index: int) -> str:
        """Labels present in one window, joined as stored (`listen.vocabulary.split_tags` splits them)."""
        return str(self._tags[index].as_py())

    def scores(self, label: str) -> np.ndarray:
        """Trained scores of a label, float32 (N,); 0 where it was too low to be stored."""
        labels, values, windows = self._flat_scores
        selected = labels == self._label_numbers.get(label, -1)
        scores = np.zeros(len(self), np.float32)
        scores[windows[selected]] = values[selected]
        return scores

    @functools.cached_property
    def _label_numbers(self) -> dict[str, int]:
        flat = self._label_scores.flatten().field("label").dictionary_encode()
        return {label: number for number, label in enumerate(flat.dictionary.to_pylist())}

    @functools.cached_property
    def _flat_scores(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All stored scores: number of the label, value, index of the window."""
        flat = self._label_scores.flatten()
        counts = np.diff(np.asarray(self._label_scores.offsets))
        labels = np.asarray(flat.field("label").dictionary_encode().indices)
        return labels, np.asarray(flat.field("score")), np.repeat(np.arange(len(self)), counts)


class Searcher:
    """Searches one archive. Caches the windows of a small archive in memory, and reads them again when the archive has changed.

    cache_large: cache an index of a large archive in memory too (`CachedIndex`), as a service should: building it takes seconds, and each
    search is faster. New windows are then included once the index was rebuilt, at most every half second; while one thread rebuilds it,
    others search the previous index, or the table where there is none yet. Safe to share between threads.
    """

    def __init__(self, archive: Archive, listener: Listener, *, cache_large: bool = False) -> None:
        """ArchiveError where the archive belongs to another model than the listener's."""
        archive.check_model(listener)
        self.archive, self.listener, self._cache_large = archive, listener, cache_large
        self._cached_index: CachedIndex | None = None
        self._refreshed, self._refreshing = -math.inf, threading.Lock()
        self._windows: tuple[int, Windows] | None = None  # version of the table, and all its windows
        self._heads: tuple[int, dict[str, Head]] = (-1, {})  # version of the table, and heads of its taught classes
        self._has_tag_index: tuple[int, bool] | None = None  # version of the table, and whether its tags have an index

    def search(self, query: Query, *, k: int = 20, sound: np.ndarray | None = None) -> list[Hit]:
        """The k best hits, best first. sound: similarity embedding (E,), unit length, of an example; it replaces query.like.

        InputError where the query is empty, its example cannot be read, its filter is not valid or its text cannot be embedded.

        >>> from pathlib import Path
        >>> from auricle.archive import indexing, sources
        >>> from auricle.archive.search import Query, Searcher
        >>> from auricle.archive.store import Archive
        >>> archive = Archive.create(Path("searched.archive"), listener)
        >>> _ = indexing.index(archive, listener, sources.find_recordings(["examples"]))
        >>> Path(Searcher(archive, listener).search(Query("church bells"), k=1)[0].file).name
        'bells.ogg'
        """
        check(query, Query, what="query", wanted="a Query, such as Query('rain on a roof')")
        if not isinstance(k, Integral) or k < 1:
            raise InputError(f"k is {describe(k)}; wanted 1 or more")
        vectors = self._embed(query, sound)
        windows, scores = self._rank(query, vectors, _CANDIDATES * k)
        vocabulary = frozenset(self.listener.labels)
        return list(_merge_hits(windows, scores, hop=self.archive.header.hop, k=k, excluded=vectors.example, vocabulary=vocabulary))

    def prepare(self) -> None:
        """Fill the caches, so that the first search need not."""
        if self._large_index() is None and self.archive.table("windows").count_rows() <= store.EXACT_LIMIT:
            self._all_windows(self.archive.table("windows"))

    def windows(self, query: Query, count: int) -> Windows:
        """Candidate windows of a query: all of a small archive, of a large one about `count` that are nearest to each of its parts."""
        return self._candidates(query, self._embed(query), count)

    def nearest(self, vector: np.ndarray, count: int, *, space: Space = "similarity") -> list[Neighbour]:
        """The `count` windows nearest to a unit vector of a space, nearest first; exact in a small archive, by its index in a large one."""
        windows, cosines = self._nearest_windows(vector, count, "vector" if space == "words" else "likeness")
        return [
            Neighbour(windows.file(index), float(windows.onsets[index]), float(windows.offsets[index]), float(cosines[index]))
            for index in top_indices(cosines, count).tolist()
        ]

    def _nearest_windows(self, vector: np.ndarray, count: int, column: str) -> tuple[Windows, np.ndarray]:
        """Windows that include those nearest to a unit vector, with their cosines."""
        if (index := self._large_index()) is not None:
            return _select(index, *index.nearest(vector, count, column=column))
        table = self.archive.table("windows")
        is_large = table.count_rows() > store.EXACT_LIMIT
        windows = Windows(nearest_rows(table, vector, count, column=column).select(_COLUMNS)) if is_large else self._all_windows(table)
        return windows, (windows.vectors if column == "vector" else windows.similarity) @ vector

    def _large_index(self) -> CachedIndex | None:
        """The cached index of a large archive, refreshed if due; None without cache_large, and while the first one is built."""
        if self._cache_large and self._is_stale() and self._refreshing.acquire(blocking=False):
            try:
                if self._is_stale():  # another thread may have refreshed it just now
                    self._refresh()
            finally:
                self._refreshing.release()
        return self._cached_index

    def _is_stale(self) -> bool:
        return time.monotonic() - self._refreshed >= _REFRESH_SECONDS

    def _refresh(self) -> None:
        now, table = time.monotonic(), self.archive.table("windows")
        if table.count_rows() <= store.EXACT_LIMIT:
            self._cached_index = None
        elif self._cached_index is None or self._cached_index.version != table.version:
            with contextlib.suppress(RuntimeError):  # a writer deleted the version being read: the next refresh reads a newer one
                self._cached_index = CachedIndex(self.archive, previous=self._cached_index)
        self._refreshed = now

    def _rank(self, query: Query, vectors: _QueryVectors, count: int) -> tuple[Windows, np.ndarray]:
        """Candidate windows with their scores (N,)."""
        is_single = sum(part is not None for part in (vectors.text, vectors.audio, vectors.head)) == 1
        if is_single and not query.unwanted and not query.where and (index := self._large_index()) is not None:
            return self._rank_cached(query, vectors, index, count)
        windows = self._candidates(query, vectors, count)
        return windows, self._score(query, vectors, windows)

    def _rank_cached(self, query: Query, vectors: _QueryVectors, index: CachedIndex, count: int) -> tuple[Windows, np.ndarray]:
        """Rank for a query of one part by the cached index alone, without reading vectors.

        A window that only a trained label brings has a lower cosine than all that the index returned, so the label's score is used.
        """
        weights = None if vectors.head is None else unit(vectors.head.weights)
        direction = next(part for part in (vectors.text, vectors.audio, weights) if part is not None)
        ids, cosines = index.nearest(direction, count, column="likeness" if vectors.text is None else "vector")
        if vectors.text is not None:
            named = [index.top_labelled(label, count) for label in self._named_labels(query.text)]
            scored = [(ids, self._text_scores(query.text or "", cosines)), *named]
        elif vectors.head is not None:
            scored = [(ids, sigmoid(cosines * np.linalg.norm(vectors.head.weights) + np.float32(vectors.head.bias)))]
        else:
            scored = [(ids, np.maximum(cosines, 0))]
        return _select(index, np.concatenate([rows for rows, _ in scored]), np.concatenate([scores for _, scores in scored]))

    def _embed(self, query: Query, sound: np.ndarray | None = None) -> _QueryVectors:
        if not query.text and not query.like and not query.taught and sound is None:
            raise InputError("the query is empty; wanted words, an example with --like, or the name of a taught class")
        text = self._embed_words(query.text) if query.text else None
        sound, example = self._embed_example(query.like) if query.like else (sound, None)
        return _QueryVectors(text, sound, example, self._taught_head(query.taught) if query.taught else None)

    def _taught_head(self, name: str) -> Head:
        """Head of a taught class, cached per version of the table."""
        version, cached = self.archive.table("taught").version, self._heads
        if cached[0] != version:
            cached = self._heads = version, {}
        if name not in cached[1]:
            cached[1][name] = labels.load_taught(self.archive, name).head
        return cached[1][name]

    def _embed_example(self, like: str) -> tuple[np.ndarray, tuple[str, float, float]]:
        """Similarity embedding of an example (E,), and its segment, which is excluded from the hits."""
        path, start, end = parse_span(like)
        source = path if not start and end == float("inf") else cut(path, start, end)
        return self.listener.embed_audio(source, space="similarity").reshape(-1), (path_to_text(path.resolve()), start, end)

    def _candidates(self, query: Query, vectors: _QueryVectors, count: int) -> Windows:
        table = self.archive.table("windows")
        if table.count_rows() <= store.EXACT_LIMIT:
            return Windows(_fetch(table.search(), query.where, _COLUMNS)) if query.where else self._all_windows(table)
        tables = []
        if vectors.audio is not None:
            tables.append(nearest_rows(table, vectors.audio, count, column="likeness", where=query.where))
        if vectors.head is not None:
            tables.append(nearest_rows(table, unit(vectors.head.weights), count, column="likeness", where=query.where))
        if vectors.text is not None:
            tables.append(nearest_rows(table, vectors.text, count, where=query.where))
            for label in self._named_labels(query.text):
                tables.append(self._tagged_rows(table, label, count, query.where))
        return _concatenate([rows.select(_COLUMNS) for rows in tables])

    def _tagged_rows(self, table: Any, label: str, count: int, where: str | None) -> Any:
        """Rows of windows in which a label is present, by the full-text index of tags where there is one."""
        if self._has_tag_index is None or self._has_tag_index[0] != table.version:
            self._has_tag_index = table.version, any(index.columns == ["tags"] for index in table.list_indices())
        if self._has_tag_index[1]:
            rows = _fetch(table.search(label, query_type="fts", fts_columns="tags"), where, [*_COLUMNS, "_score"], limit=count)
            return rows.select(_COLUMNS)
        condition = f"tags LIKE {quote_sql('%' + label + '%')}"
        return _fetch(table.search(), f"({condition}) AND ({where})" if where else condition, _COLUMNS, limit=count)

    def _all_windows(self, table: Any) -> Windows:
        if self._windows is None or self._windows[0] != table.version:
            self._windows = table.version, Windows(_fetch(table.search(), None, _COLUMNS))
        return self._windows[1]

    def _score(self, query: Query, vectors: _QueryVectors, windows: Windows) -> np.ndarray:
        scores = np.ones(len(windows), np.float32)
        if vectors.text is not None:
            scores = scores * self._score_words(query.text or "", windows, windows.vectors @ vectors.text)
        if vectors.audio is not None:
            scores = scores * np.maximum(windows.similarity @ vectors.audio, 0)
        if vectors.head is not None:
            scores = scores * vectors.head.scores(windows.similarity)
        for unwanted in query.unwanted:
            vector = self._embed_words(unwanted)
            scores = scores * (1 - self._score_words(unwanted, windows, windows.vectors @ vector))
        return np.asarray(scores, dtype=np.float32)

    def _score_words(self, words: str, windows: Windows, cosines: np.ndarray) -> np.ndarray:
        scores = [self._text_scores(words, cosines), *(windows.scores(label) for label in self._named_labels(words))]
        return np.asarray(np.max(scores, axis=0))

    def _text_scores(self, words: str, cosines: np.ndarray) -> np.ndarray:
        """Scores of cosines with a text; where it means one label, below all scores of that label that are stored, so only a ranking."""
        scores = self.listener.score(cosines)
        return scores if self.listener.vocabulary.find(words) is None else np.asarray(MIN_SCORE * scores, np.float32)

    def _embed_words(self, words: str) -> np.ndarray:
        vocabulary, name = self.listener.vocabulary, self.listener.config.name
        if vocabulary.is_negated(words):
            raise InputError(f"{words!r} denies a sound; wanted words for a sound, and what hits should not match with --not")
        if vocabulary.find(words) is None and self.listener.unread([words]):
            raise InputError(f"{words!r}: no word is in the vocabulary of {name}'s text tower; wanted words of its training language")
        return np.asarray(self.listener.embed_text([words])[0])

    def _named_labels(self, words: str | None) -> list[str]:
        """Labels of the vocabulary that the words mean."""
        return [match.label for match in self.listener.vocabulary.match_each(words or "")]


def nearest_rows(
    table: Any, vector: np.ndarray, count: int, *, column: str = "vector", where: str | None = None, columns: Sequence[str] = _COLUMNS
) -> Any:
    """Arrow rows of the windows nearest to a unit vector (D,), nearest first, by the table's index where it has one.

    They have the columns `_distance` and `_rowid` too. where: an SQL filter. InputError where it is not valid.
    """
    search = table.search(vector, vector_column_name=column).distance_type("cosine").nprobes(store.PROBES).with_row_id(True)
    return _fetch(search, where, [*columns, "_distance"], limit=count)


def _select(index: CachedIndex, ids: np.ndarray, scores: np.ndarray) -> tuple[Windows, np.ndarray]:
    """Windows of a cached index by row number, each once with the highest of its scores, in order."""
    unique, inverse = np.unique(ids, return_inverse=True)
    highest = np.full(len(unique), -np.inf, np.float32)
    np.maximum.at(highest, inverse, scores.astype(np.float32))
    return Windows(index.rows.take(unique)), highest


def parse_span(text: str) -> tuple[Path, float, float]:
    """Parse PATH@START-END to a path and seconds; the whole recording (0 to infinity) without a span.

    InputError where the end is not after the start.
    """
    match = re.fullmatch(r"(.+)@(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", text)
    if match is None or os.path.exists(resolve_path(text)):
        return resolve_path(text), 0.0, float("inf")
    start, end = float(match[2]), float(match[3])
    if end <= start:
        raise InputError(f"{text}: ends at {end:g} s, before it starts; wanted PATH@START-END in seconds")
    return resolve_path(match[1]), start, end


def _fetch(search: Any, where: str | None, columns: Sequence[str], *, limit: int | None = None) -> Any:
    """Rows of a LanceDB search as Arrow. InputError where the filter is not valid."""
    try:
        return (search.where(where) if where else search).select(list(columns)).limit(limit).to_arrow()
    except (ValueError, RuntimeError) as error:
        if not where:
            raise
        raise InputError(f"--where {where!r}: {' '.join(str(error).split())}") from error


def _concatenate(tables: Sequence[Any]) -> Windows:
    """Candidates of several searches, each window once."""
    import pyarrow

    rows = pyarrow.concat_tables(tables)
    first: dict[tuple[str, float], int] = {}
    for index, key in enumerate(zip(rows["file"].to_pylist(), rows["onset"].to_pylist(), strict=True)):
        first.setdefault(key, index)
    return Windows(rows.take(list(first.values())))


def _merge_hits(
    windows: Windows,
    scores: np.ndarray,
    *,
    hop: float,
    k: int,
    excluded: tuple[str, float, float] | None,
    vocabulary: frozenset[str],
) -> Iterator[Hit]:
    """At most k hits, best first: each the best remaining window, merged with adjacent windows of similar score."""
    used: set[int] = set()
    count = 0
    for top in map(int, _sort_by_score(scores, _CANDIDATES * k)):
        if count == k:
            return
        name, onset, offset = windows.file(top), float(windows.onsets[top]), float(windows.offsets[top])
        if top in used or _overlaps(excluded, name, onset, offset):
            continue
        span = [top, *_adjacent(windows, scores, top, hop=hop, used=used)]
        used.update(span)
        count += 1
        tags = split_tags(windows.tags(top), vocabulary)
        start, end = float(windows.onsets[min(span)]), float(windows.offsets[max(span)])
        yield Hit(name, start, end, float(scores[top]), tags, is_missing(text_to_path(name)))


def _sort_by_score(scores: np.ndarray, count: int) -> Iterator[int]:
    """Indices by falling score, ties in order; the first `count` without sorting all."""
    first = top_indices(scores, count)
    yield from first
    rest = np.setdiff1d(np.arange(len(scores)), first)
    yield from rest[np.argsort(-scores[rest], kind="stable")]


def _adjacent(windows: Windows, scores: np.ndarray, top: int, *, hop: float, used: set[int]) -> Iterator[int]:
    for step in (-1, 1):
        index = top + step
        while (
            0 <= index < len(scores)
            and index not in used
            and windows.files[index] == windows.files[top]
            and abs(windows.onsets[index] - windows.onsets[index - step]) < 1.5 * hop
            and scores[index] >= _MERGE_RATIO * scores[top]
        ):
            yield index
            index += step


def _overlaps(span: tuple[str, float, float] | None, file: str, onset: float, offset: float) -> bool:
    return span is not None and span[0] == file and onset < span[2] and offset > span[1]
