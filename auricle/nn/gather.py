"""Differentiable all-gather over ranks, for losses that compare all rows of a distributed batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def rank_and_size() -> tuple[int, int]:
    """Rank of this process and world size; (0, 1) without torch.distributed."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def gather_rows(rows: Tensor) -> Tensor:
    """Concatenate (B, ...) of all W ranks to (W B, ...), in order of rank. Every rank must have the same number of rows.

    A row's gradient is the sum of its gradients over all ranks' losses. Averaged over ranks, as DistributedDataParallel averages those
    of weights, that is the gradient of the mean loss over ranks.
    """
    if rank_and_size()[1] == 1:
        return rows
    if not rows.is_floating_point():
        return _all_gather(rows)
    gathered: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return gathered


def _all_gather(rows: Tensor) -> Tensor:
    rows = rows.contiguous()
    parts = [torch.empty_like(rows) for _ in range(rank_and_size()[1])]
    distributed.all_gather(parts, rows)
    return torch.cat(parts)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        return _all_gather(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        rank, world = rank_and_size()
        return total.chunk(world)[rank]
