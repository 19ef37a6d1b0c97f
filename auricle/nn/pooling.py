"""Pooling over time that ignores padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SPREAD = 3.0  # what is added shall weigh about as much as the mean: places between -1 and 1 have a variance of a third


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


def drift(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Which way states go: their mean, each weighted by when it comes, from -1 for the first real one to 1 for the last.

    x (B, T, D), mask (B, T) with True for real frames. Returns (B, D); zero for a single frame. What comes late counts for it and what
    comes early against it, so that the same states the other way round give the same vector with the other sign: order, which a mean
    does not know.
    """
    real = x.new_ones(x.shape[:2]) if mask is None else mask.to(x.dtype)
    count = real.sum(dim=1, keepdim=True)
    places = (2 * (real.cumsum(dim=1) - 1) / (count - 1).clamp(min=1) - 1) * real * (count > 1)
    return torch.einsum("btd,bt->bd", x, places) / count.clamp(min=1)


class RampPooling(nn.Module):
    """The drift of states, through a layer of its own, to be added to what else is pooled of them: (B, T, D), mask (B, T) to (B, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `drift`."""
        told: Tensor = self.layer(_SPREAD * drift(x, mask))
        return told
