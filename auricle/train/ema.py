"""A running average of weights, which generalises better than the last ones (Izmailov et al. 2018, arXiv:1803.05407)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Ema:
    """Exponential moving average of tensors by name, which may be shards. values: what is moved, in place."""

    def __init__(self, values: Mapping[str, Tensor], *, decay: float) -> None:
        self.values, self.decay, self.steps = values, decay, 0

    @torch.no_grad()
    def update(self, values: Mapping[str, Tensor]) -> None:
        """Move towards these values; early on it forgets faster, so that the random start is soon gone."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mine, theirs in zip(self.values.values(), values.values(), strict=True):
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs, 1 - keep)
            else:
                mine.copy_(theirs)
