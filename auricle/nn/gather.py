"""Rows of all ranks as one array, with gradients that find their way back: for losses that compare every row with every other."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def ranks() -> tuple[int, int]:
    """(rank, how many there are) of this process; (0, 1) where nothing is distributed."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def gathered(rows: Tensor) -> Tensor:
    """(B, ...) of each rank to (W B, ...), rank by rank. Every rank must bring as many rows.

    A row's gradient is the sum of what all ranks' losses say of it. Averaged over ranks, as DistributedDataParallel does with those of
    weights, that is the gradient of the ranks' mean loss.
    """
    if ranks()[1] == 1:
        return rows
    if not rows.is_floating_point():
        return _joined(rows)
    found: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return found


def _joined(rows: Tensor) -> Tensor:
    rows = rows.contiguous()
    parts = [torch.empty_like(rows) for _ in range(ranks()[1])]
    distributed.all_gather(parts, rows)
    return torch.cat(parts)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        return _joined(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        rank, world = ranks()
        return total.chunk(world)[rank]
