"""Near-duplicates: an archive in, groups of recordings that sound the same out, whatever their names, formats and levels."""

from __future__ import annotations

import numpy as np

from auricle.archive.store import Archive, vectors_of

_ALIKE = 0.995  # cosine of two recordings' mean vectors
_LONGER = 1.02  # times as long as the other one may be
_BLOCK = 2048


def find(archive: Archive) -> list[list[str]]:
    """Groups of files, each alike to another of its group in sound and length; largest groups first, names in order."""
    rows = archive.table("windows").search().select(["file", "duration", "likeness"]).limit(None).to_arrow()
    if not len(rows):
        return []
    names, place = np.unique(rows["file"].to_numpy(zero_copy_only=False), return_inverse=True)
    vectors = np.zeros((len(names), archive.header.likeness))
    np.add.at(vectors, place, vectors_of(rows, "likeness"))
    vectors = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    lengths = np.zeros(len(names))
    lengths[place] = rows["duration"].to_numpy()
    leader = np.arange(len(names))
    for start in range(0, len(names), _BLOCK):
        block = slice(start, start + _BLOCK)
        ratio = lengths[block, None] / lengths[None, :]
        alike = (vectors[block] @ vectors.T > _ALIKE) & (ratio < _LONGER) & (ratio > 1 / _LONGER)
        for one, other in zip(*np.nonzero(np.triu(alike, k=start + 1)), strict=True):
            _join(leader, start + int(one), int(other))
    groups: dict[int, list[str]] = {}
    for index, name in enumerate(names):
        groups.setdefault(_root(leader, index), []).append(str(name))
    return sorted((group for group in groups.values() if len(group) > 1), key=lambda group: (-len(group), group))


def _root(leader: np.ndarray, index: int) -> int:
    while leader[index] != index:
        index = int(leader[index])
    return index


def _join(leader: np.ndarray, one: int, other: int) -> None:
    leader[_root(leader, other)] = _root(leader, one)
