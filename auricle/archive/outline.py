"""Outlines: a large archive in, its indexes and everything of its windows but their vectors in memory out, so that a search reads nothing.

Some 100 bytes a window, and what its vectors take. For a service that answers many searches; a single search is sooner done from the table.

The index is asked through LanceDB's asynchronous interface: a query is one change of threads there, and eight in the other one, which is
as much time as the search itself takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from auricle.archive.store import PROBES, Archive
from auricle.archive.thrift import give_back
from auricle.core.optional import require

_COLUMNS = ["file", "onset", "offset", "tags", "scores"]


class Outline:
    """The windows of one version of an archive, by file and onset. rows: Arrow, with file, onset, offset and tags."""

    def __init__(self, archive: Archive) -> None:
        self._loop = require("lancedb.background_loop", extra="archive", why="an archive").LOOP
        self._table, self.version, rows = self._loop.run(_read(archive))
        rows = rows.sort_by([("file", "ascending"), ("onset", "ascending")]).combine_chunks()
        for name in ("file", "tags"):
            place = rows.column_names.index(name)
            rows = rows.set_column(place, name, rows[name].combine_chunks().dictionary_encode())
        numbers = rows["_rowid"].to_numpy()
        self._order = np.argsort(numbers)
        self._numbers = numbers[self._order]
        self._index_labels(rows["scores"].combine_chunks())
        self.rows = rows.drop_columns(["_rowid", "scores"])
        del rows
        give_back()

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
        """Places (n,) and cosines (n,) of the `count` windows nearest to a unit vector, nearest first, by the table's index."""
        rows = self._loop.run(_near(self._table, vector, count, column))
        return self._placed(rows["_rowid"].to_numpy()), 1 - rows["_distance"].to_numpy()

    def _placed(self, numbers: np.ndarray) -> np.ndarray:
        """Places (n,) of rows by the table's row numbers."""
        found = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        return np.asarray(self._order[found])

    def labelled(self, label: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Places and trained scores of the `count` windows with the highest score of a label, highest first."""
        span = self._spans.get(label, slice(0, 0))
        some = slice(span.start, min(span.stop, span.start + count))
        return self._places[some], self._values[some]


async def _read(archive: Archive) -> tuple[Any, int, Any]:
    """The table of windows, which stays as it is now, with its indexes in memory; its version; its rows but for the vectors."""
    table = await archive.snapshot("windows")
    for found in await table.list_indices():
        await table.prewarm_index(found.name)
    return table, await table.version(), await table.query().with_row_id().select(_COLUMNS).to_arrow()


async def _near(table: Any, vector: np.ndarray, count: int, column: str) -> Any:
    near = table.vector_search(vector).column(column).distance_type("cosine").nprobes(PROBES)
    return await near.with_row_id().select(["_distance"]).limit(count).to_arrow()
