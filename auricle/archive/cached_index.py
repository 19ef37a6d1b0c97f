"""Outlines: a large archive in, its windows' columns and lists of their vectors in memory out, so that a search reads nothing.

Some 100 bytes a window, and what its vectors take. For a service that answers many searches; a single search is sooner done from the
table. LanceDB's own lists, in memory too, took two to four times as long: some four milliseconds of a query are spent outside of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from auricle.archive.ivf import IvfIndex, centres_of
from auricle.archive.memory import limited_memory, trim
from auricle.archive.store import Archive
from auricle.core.optional import require

_COLUMNS = ["file", "onset", "offset", "tags", "scores"]
_VECTORS = ("vector", "likeness")


class CachedIndex:
    """The windows of one version of an archive, by file and onset. rows: Arrow, with file, onset, offset and tags.

    earlier: an outline of the same archive, whose centres are taken over while the archive has not grown to twice its size.
    """

    def __init__(self, archive: Archive, *, earlier: CachedIndex | None = None) -> None:
        table = archive.snapshot("windows")
        self.version = table.version
        with limited_memory():
            rows, vectors = _read(table)
        order = require("pyarrow.compute", extra="archive", why="an archive").sort_indices(
            rows, sort_keys=[("file", "ascending"), ("onset", "ascending")]
        )
        places = np.empty(len(rows), np.int32)
        places[np.asarray(order)] = np.arange(len(rows), dtype=np.int32)
        rows = rows.take(order).combine_chunks()
        for name in ("file", "tags"):
            place = rows.column_names.index(name)
            rows = rows.set_column(place, name, rows[name].combine_chunks().dictionary_encode())
        self._index_labels(rows["scores"].combine_chunks())
        self.rows = rows.drop_columns(["scores"])
        del rows, order
        self._lists: dict[str, IvfIndex] = {}
        for name in _VECTORS:
            known = None if earlier is None else earlier._lists[name].centres
            centres = known if known is not None and 8 * len(known) ** 2 >= len(places) else centres_of(vectors[name])
            self._lists[name] = IvfIndex(vectors.pop(name), places, centres)
        trim()

    def _index_labels(self, kept: Any) -> None:
        """Windows by label, those with the highest trained score first."""
        counts = np.diff(np.asarray(kept.offsets))
        flat = kept.flatten()
        encoded = flat.field("label").dictionary_encode()
        codes, values = np.asarray(encoded.indices), np.asarray(flat.field("score"))
        order = np.lexsort((-values, codes))
        self._values, self._places = values[order], np.repeat(np.arange(len(kept), dtype=np.int32), counts)[order]
        names = encoded.dictionary.to_pylist()
        ends = np.searchsorted(codes[order], np.arange(len(names) + 1))
        self._spans = {name: slice(int(ends[code]), int(ends[code + 1])) for code, name in enumerate(names)}

    def nearest(self, vector: np.ndarray, count: int, *, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Places (n,) and cosines (n,) of the `count` windows nearest to a unit vector, nearest first, by lists of that column."""
        return self._lists[column].nearest(vector, count)

    def labelled(self, label: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Places and trained scores of the `count` windows with the highest score of a label, highest first."""
        span = self._spans.get(label, slice(0, 0))
        some = slice(span.start, min(span.stop, span.start + count))
        return self._places[some], self._values[some]


def _read(table: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """A table's rows but for their vectors, and those, float32 (N, D); a batch at a time, so that nothing of it lies in memory twice."""
    arrow = require("pyarrow", extra="archive", why="an archive")
    count, kept = table.count_rows(), []
    vectors = {name: np.empty((count, table.schema.field(name).type.list_size), np.float32) for name in _VECTORS}
    at = 0
    for batch in table.search().select([*_COLUMNS, *_VECTORS]).limit(None).to_batches():
        for name, whole in vectors.items():
            whole[at : at + len(batch)] = np.asarray(batch[name].flatten()).reshape(len(batch), -1)
        kept.append(batch.select(_COLUMNS).take(arrow.array(range(len(batch)))))  # a copy: a part of a batch holds all of it
        at += len(batch)
    return arrow.Table.from_batches(kept), vectors
