"""Near-duplicates in an archive: groups of recordings that sound the same, whatever their names, formats and levels."""

from __future__ import annotations

import numpy as np

from auricle.archive.store import Archive, vector_column

_MIN_COSINE = 0.995  # of two recordings' mean vectors
_MAX_DURATION_RATIO = 1.02
_BLOCK = 2048


def find_duplicates(archive: Archive) -> list[list[str]]:
    """Groups of files that are alike in sound and duration (transitively); largest groups first, names sorted."""
    rows = archive.table("windows").search().select(["file", "duration", "likeness"]).limit(None).to_arrow()
    if not len(rows):
        return []
    names, file_of_row = np.unique(rows["file"].to_numpy(zero_copy_only=False), return_inverse=True)
    vectors = np.zeros((len(names), archive.header.likeness))
    np.add.at(vectors, file_of_row, vector_column(rows, "likeness"))
    vectors = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    durations = np.zeros(len(names))
    durations[file_of_row] = rows["duration"].to_numpy()
    parents = np.arange(len(names))  # union-find
    for start in range(0, len(names), _BLOCK):
        block = slice(start, start + _BLOCK)
        ratio = durations[block, None] / durations[None, :]
        alike = (vectors[block] @ vectors.T > _MIN_COSINE) & (ratio < _MAX_DURATION_RATIO) & (ratio > 1 / _MAX_DURATION_RATIO)
        for one, other in zip(*np.nonzero(np.triu(alike, k=start + 1)), strict=True):
            parents[_root(parents, int(other))] = _root(parents, start + int(one))
    groups: dict[int, list[str]] = {}
    for index, name in enumerate(names):
        groups.setdefault(_root(parents, index), []).append(str(name))
    return sorted((group for group in groups.values() if len(group) > 1), key=lambda group: (-len(group), group))


def _root(parents: np.ndarray, index: int) -> int:
    while parents[index] != index:
        index = int(parents[index])
    return index
