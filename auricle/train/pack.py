"""Clips of a batch laid one after another in rows, so that little of what is computed is padding."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from auricle.core.errors import InputError
from auricle.train.batches import Batch


@dataclasses.dataclass
class Packed:
    """features (R, T, F). segments int64 (R, T): which clip of the batch a frame belongs to, -1 where to none; attention stays inside one.

    moments int64 (R, T): the frame's place in its clip, 0 where it belongs to none.
    """

    features: Tensor
    segments: Tensor
    moments: Tensor

    def pooled(self, frames: Tensor) -> Tensor:
        """Mean over each clip's frames: (R, T, D) to (B, D), in the order of the batch."""
        real = self.segments >= 0
        owners = self.segments[real]
        count = int(self.segments.max()) + 1
        total = frames.new_zeros(count, frames.shape[-1]).index_add(0, owners, frames[real])
        return total / torch.bincount(owners, minlength=count)[:, None]


def pack(batch: Batch, *, frames: int) -> Packed:
    """Whole clips into rows of at most so many frames, each into the first that has room, the longest first. Returns Packed.

    As many rows as are needed; those of the batch itself are (B, T, F) with a mask.
    """
    if batch.features.ndim != 3:
        raise InputError(f"features have shape {tuple(batch.features.shape)}; wanted (B, T, F) to lay clips one after another")
    lengths = batch.mask.sum(1).tolist()
    if max(lengths) > frames:
        raise InputError(f"a clip has {max(lengths)} frames; wanted at most {frames} in a row")
    used: list[int] = []
    places: dict[int, tuple[int, int]] = {}
    for clip in sorted(range(len(batch)), key=lambda clip: (-lengths[clip], clip)):
        row = next((row for row, full in enumerate(used) if full + lengths[clip] <= frames), len(used))
        if row == len(used):
            used.append(0)
        places[clip] = row, used[row]
        used[row] += lengths[clip]
    features = batch.features.new_zeros(len(used), frames, batch.features.shape[2])
    segments = torch.full((len(used), frames), -1, device=features.device)
    moments = torch.zeros_like(segments)
    for clip, (row, start) in places.items():
        span = slice(start, start + lengths[clip])
        features[row, span] = batch.features[clip, : lengths[clip]]
        segments[row, span] = clip
        moments[row, span] = torch.arange(lengths[clip], device=features.device)
    return Packed(features, segments, moments)
