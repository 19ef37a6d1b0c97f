"""Pooling over time that ignores padding."""

from __future__ import annotations

import torch
from torch import Tensor


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
