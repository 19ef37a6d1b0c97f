"""Exponential moving average (EMA) of weights, which generalises better than the last weights (Izmailov et al. 2018, arXiv:1803.05407)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Ema:
    """Exponential moving average of tensors by name, which may be shards. values: the averages, updated in place."""

    def __init__(self, values: Mapping[str, Tensor], *, decay: float) -> None:
        self.values, self.decay, self.steps = values, decay, 0

    @torch.no_grad()
    def update(self, values: Mapping[str, Tensor]) -> None:
        """Update the averages. The decay is smaller in the first steps, so that the random initial weights are soon forgotten."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for average, value in zip(self.values.values(), values.values(), strict=True):
            if average.dtype.is_floating_point:
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)
