"""The cached index of a large archive: columns and vectors of all windows in memory, so that a search reads nothing from disk.

It takes some 100 bytes a window plus the vectors. It is for a service that answers many searches; a single search is faster from the
table. LanceDB's own IVF indexes, cached in memory, took two to four times as long: some four milliseconds of a query are overhead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from auricle.archive.ivf import IvfIndex, fit_centroids
from auricle.archive.memory import limited_memory, trim
from auricle.archive.store import Archive
from auricle.core.optional import require

_COLUMNS = ["file", "onset", "offset", "tags", "scores"]
_VECTOR_COLUMNS = ("vector", "likeness")


class CachedIndex:
    """The windows of one version of an archive, sorted by file and onset.

    rows: Arrow table with file, onset, offset and tags. version: of the LanceDB table. previous: an earlier cached index of the same
    archive, whose centroids are reused until the archive has grown to twice its size.
    """

    def __init__(self, archive: Archive, *, previous: CachedIndex | None = None) -> None:
        table = archive.snapshot("windows")
        self.version = table.version
        with limited_memory():
            rows, vectors = _read(table)
        order = require("pyarrow.compute", extra="archive", why="an archive").sort_indices(
            rows, sort_keys=[("file", "ascending"), ("onset", "ascending")]
        )
        ids = np.empty(len(rows), np.int32)
        ids[np.asarray(order)] = np.arange(len(rows), dtype=np.int32)
        rows = rows.take(order).combine_chunks()
        for name in ("file", "tags"):
            column = rows.column_names.index(name)
            rows = rows.set_column(column, name, rows[name].combine_chunks().dictionary_encode())
        self._index_labels(rows["scores"].combine_chunks())
        self.rows = rows.drop_columns(["scores"])
        del rows, order
        self._indexes: dict[str, IvfIndex] = {}
        for name in _VECTOR_COLUMNS:
            centroids = None if previous is None else previous._indexes[name].centroids
            if centroids is None or 8 * len(centroids) ** 2 < len(ids):
                centroids = fit_centroids(vectors[name])
            self._indexes[name] = IvfIndex(vectors.pop(name), ids, centroids)
        trim()

    def _index_labels(self, scores: Any) -> None:
        """Store the windows of each label, sorted by falling trained score."""
        counts = np.diff(np.asarray(scores.offsets))
        flat = scores.flatten()
        encoded = flat.field("label").dictionary_encode()
        codes, values = np.asarray(encoded.indices), np.asarray(flat.field("score"))
        order = np.lexsort((-values, codes))
        self._scores, self._ids = values[order], np.repeat(np.arange(len(scores), dtype=np.int32), counts)[order]
        names = encoded.dictionary.to_pylist()
        ends = np.searchsorted(codes[order], np.arange(len(names) + 1))
        self._spans = {name: slice(int(ends[code]), int(ends[code + 1])) for code, name in enumerate(names)}

    def nearest(self, vector: np.ndarray, count: int, *, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers (n,) and cosines (n,) of the `count` windows nearest to a unit vector (D,), nearest first (approximate: IVF)."""
        return self._indexes[column].nearest(vector, count)

    def top_labelled(self, label: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers (n,) and trained scores (n,) of the `count` windows with the highest score of a label, highest first."""
        span = self._spans.get(label, slice(0, 0))
        top = slice(span.start, min(span.stop, span.start + count))
        return self._ids[top], self._scores[top]


def _read(table: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Read a table: its rows without the vectors, and the vectors by column, float32 (N, D); in batches, so that nothing is held twice."""
    arrow = require("pyarrow", extra="archive", why="an archive")
    count, batches = table.count_rows(), []
    vectors = {name: np.empty((count, table.schema.field(name).type.list_size), np.float32) for name in _VECTOR_COLUMNS}
    start = 0
    for batch in table.search().select([*_COLUMNS, *_VECTOR_COLUMNS]).limit(None).to_batches():
        for name, whole in vectors.items():
            whole[start : start + len(batch)] = np.asarray(batch[name].flatten()).reshape(len(batch), -1)
        batches.append(batch.select(_COLUMNS).take(arrow.array(range(len(batch)))))  # a copy: a slice keeps the whole batch in memory
        start += len(batch)
    return arrow.Table.from_batches(batches), vectors
