"""Run batches of clips with different lengths without padding: split by length, and join the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from auricle.core.config import FRAMES
from auricle.core.errors import InputError

#: Indices of rows of a batch.
Rows: TypeAlias = tuple[int, ...]


def clips_by_length(features: np.ndarray, mask: np.ndarray) -> dict[Rows, np.ndarray]:
    """Group clips by length: rows -> their features without padding.

    features: (B, T, F), (B, 4, T, F) or (B, N); mask: bool (B, T) or (B, N), True for real steps, which come first. InputError otherwise.
    """
    axis = 1 if features.ndim == 2 else features.ndim - 2
    mask = np.asarray(mask, dtype=bool)
    lengths = mask.sum(axis=-1)
    shape = (len(features), features.shape[axis])
    if mask.shape != shape or not lengths.all() or not np.array_equal(mask, np.arange(shape[1]) < lengths[:, None]):
        raise InputError(
            f"mask has shape {mask.shape}; wanted {shape}, True for the first steps of each clip, at least one, False for the rest"
        )
    groups = {}
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        groups[tuple(rows.tolist())] = features[rows].take(np.arange(length), axis=axis)
    return groups


def join(parts: Mapping[Rows, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Join outputs of groups of clips to those of the whole batch; arrays over time are zero-padded.

    Adds `mask` (B, T), True for real steps of `frames`, or else of the first other output over time, if there is one.
    """
    count = sum(len(rows) for rows in parts)
    names = list(next(iter(parts.values())))
    timed = [name for name in (FRAMES, *names) if name in names and next(iter(parts.values()))[name].ndim > 2]
    joined = {name: _pad_join(count, {rows: outputs[name] for rows, outputs in parts.items()}) for name in names}
    if timed:
        joined["mask"] = _pad_join(count, {rows: np.ones(outputs[timed[0]].shape[:2], dtype=bool) for rows, outputs in parts.items()})
    return joined


def _pad_join(count: int, parts: Mapping[Rows, np.ndarray]) -> np.ndarray:
    """One zero-padded array of `count` rows, as long as the longest part."""
    shape = np.max([part.shape[1:] for part in parts.values()], axis=0)
    whole = np.zeros((count, *shape), dtype=next(iter(parts.values())).dtype)
    for rows, part in parts.items():
        for row, clip in zip(rows, part, strict=True):
            whole[row][tuple(slice(size) for size in clip.shape)] = clip
    return whole
