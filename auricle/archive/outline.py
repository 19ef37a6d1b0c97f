"""Outlines: a large archive's table in, everything but its vectors in memory out, so that a search reads only its index.

Some 200 bytes a window. For a service that answers many searches; a single search is sooner done from the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np

COLUMNS = ["file", "onset", "offset", "tags", "scores"]


class Outline:
    """The windows of one version of a table, by file and onset. rows: Arrow, with COLUMNS."""

    def __init__(self, table: Any) -> None:
        self.version = table.version
        rows = table.search().with_row_id(True).select(COLUMNS).limit(None).to_arrow()
        rows = rows.sort_by([("file", "ascending"), ("onset", "ascending")]).combine_chunks()
        for name in ("file", "tags"):
            place = rows.column_names.index(name)
            rows = rows.set_column(place, name, rows[name].combine_chunks().dictionary_encode())
        numbers = rows["_rowid"].to_numpy()
        self._order = np.argsort(numbers)
        self._numbers = numbers[self._order]
        self.rows = rows.drop_columns(["_rowid"])
        self._index_labels()

    def _index_labels(self) -> None:
        """Windows by label, those with the highest trained score first."""
        kept = self.rows["scores"].combine_chunks()
        counts = np.diff(np.asarray(kept.offsets))
        flat = kept.flatten()
        encoded = flat.field("label").dictionary_encode()
        codes, values = np.asarray(encoded.indices), np.asarray(flat.field("score"))
        order = np.lexsort((-values, codes))
        self._values, self._places = values[order], np.repeat(np.arange(len(kept), dtype=np.int32), counts)[order]
        names = encoded.dictionary.to_pylist()
        ends = np.searchsorted(codes[order], np.arange(len(names) + 1))
        self._spans = {name: slice(int(ends[code]), int(ends[code + 1])) for code, name in enumerate(names)}

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """Places (n,) of rows by the table's row numbers."""
        found = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        return np.asarray(self._order[found])

    def labelled(self, label: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Places and trained scores of the `count` windows with the highest score of a label, highest first."""
        span = self._spans.get(label, slice(0, 0))
        some = slice(span.start, min(span.stop, span.start + count))
        return self._places[some], self._values[some]
