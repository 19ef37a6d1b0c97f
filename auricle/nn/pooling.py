"""Masked pooling over time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_RAMP_SCALE = 3.0  # positions between -1 and 1 have a variance of a third: brings the ramp mean to about the size of the mean


def mean_max(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean plus maximum over time, as PANNs pool (Kong et al. 2020, arXiv:1912.10211, section III-A).

    x (B, T, D), mask (B, T) with True for real frames. Returns (B, D).
    """
    if mask is None:
        return x.mean(dim=1) + x.amax(dim=1)
    real = mask[:, :, None]
    count = real.sum(dim=1).clamp(min=1)
    mean = (x * real).sum(dim=1) / count
    return mean + x.masked_fill(~real, torch.finfo(x.dtype).min).amax(dim=1)


def masked_mean(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over time. x (B, T, D), mask (B, T) with True for real frames. Returns (B, D); zero where no frame is real."""
    if mask is None:
        return x.mean(dim=1)
    real = mask[:, :, None].to(x.dtype)
    return (x * real).sum(dim=1) / real.sum(dim=1).clamp(min=1.0)


def ramp_mean(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over time with weights that rise linearly from -1 for the first real frame to 1 for the last.

    x (B, T, D), mask (B, T) with True for real frames. Returns (B, D); zero for a single frame. The reversed sequence gives the negated
    vector, so this carries the order of the states, which a plain mean does not.
    """
    real = x.new_ones(x.shape[:2]) if mask is None else mask.to(x.dtype)
    count = real.sum(dim=1, keepdim=True)
    weights = (2 * (real.cumsum(dim=1) - 1) / (count - 1).clamp(min=1) - 1) * real * (count > 1)
    return torch.einsum("btd,bt->bd", x, weights) / count.clamp(min=1)


class RampPooling(nn.Module):
    """Linear layer over the ramp mean, to be added to another pooled vector: (B, T, D), mask (B, T) to (B, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `ramp_mean`."""
        pooled: Tensor = self.layer(_RAMP_SCALE * ramp_mean(x, mask))
        return pooled
