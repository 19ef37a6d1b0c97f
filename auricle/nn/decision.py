"""Heads of PANNs: feature maps over time (B, T, D) to a pooled vector and label logits.

Kong et al. 2020, arXiv:1912.10211; sound event detection with weak labels: Kong et al. 2020, arXiv:1904.03476.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.nn.pooling import mean_max


def local_mean_max(x: Tensor) -> Tensor:
    """Mean plus maximum of each frame and its two neighbours, zero beyond the ends: x (B, T, D), not negative, to the same shape."""
    channels = x.transpose(1, 2)
    largest = functional.max_pool1d(channels, 3, stride=1, padding=1)
    return (largest + functional.avg_pool1d(channels, 3, stride=1, padding=1)).transpose(1, 2)


def logit_of_mean(logits: Tensor, log_weights: Tensor) -> Tensor:
    """Logit of the weighted mean probability over time.

    logits (B, T, K); log_weights (B, T, K) or (B, T, 1): logarithms of weights that sum to one over T. Returns (B, K).
    """
    present = torch.logsumexp(functional.logsigmoid(logits) + log_weights, dim=1)
    absent = torch.logsumexp(functional.logsigmoid(-logits) + log_weights, dim=1)
    return present - absent


class PoolingHead(nn.Module):
    """No classifier: the map pooled over time is the embedding."""

    def forward(self, maps: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, None, None]:
        """maps (B, T, width), zero where mask (B, T) is False, to pooled (B, D), frames (B, T, D) and no logits."""
        return mean_max(maps, mask), local_mean_max(maps), None, None


class ClipHead(nn.Module):
    """Clip-level classifier: the map pooled over time, a hidden layer (the embedding) and, where there are labels, their logits."""

    def __init__(self, width: int, size: int, labels: int) -> None:
        super().__init__()
        self.embed = nn.Linear(width, size)
        self.label = nn.Linear(size, labels) if labels else None

    def forward(self, maps: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None, None]:
        """maps (B, T, width), zero where mask (B, T) is False, to pooled (B, D), frames (B, T, D), clip logits (B, K), no frame logits.

        pooled and clip logits are as published. frames apply the same layer to each frame with its neighbours.
        """
        pooled = functional.relu(self.embed(mean_max(maps, mask)))
        frames = functional.relu(self.embed(local_mean_max(maps)))
        return pooled, frames, None if self.label is None else self.label(pooled), None


class FrameHead(nn.Module):
    """Frame-level classifier whose probabilities are pooled over time by maximum, mean or attention."""

    def __init__(self, width: int, size: int, labels: int, *, pool: Literal["max", "mean", "attention"]) -> None:
        super().__init__()
        self.pool = pool
        self.embed = nn.Linear(width, size)
        self.label = nn.Linear(size, labels)
        self.attention = nn.Linear(size, labels) if pool == "attention" else None

    def forward(self, maps: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """maps (B, T, width), zero where mask (B, T) is False, to pooled (B, D), frames (B, T, D), logits (B, K) and (B, T, K).

        Both logits are as published. pooled is the mean of the frames.
        """
        frames = functional.relu(self.embed(local_mean_max(maps)))
        logits = self.label(frames)
        real = torch.ones_like(frames[:, :, :1], dtype=torch.bool) if mask is None else mask[:, :, None]
        count = real.sum(dim=1).clamp(min=1)
        return (frames * real).sum(dim=1) / count, frames, self._pool_logits(frames, logits, real), logits

    def _pool_logits(self, frames: Tensor, logits: Tensor, real: Tensor) -> Tensor:
        """Frame logits (B, T, K) to clip logits (B, K)."""
        if self.pool == "max":
            return logits.masked_fill(~real, -torch.inf).amax(dim=1)
        weights = torch.zeros_like(logits[:, :, :1]) if self.attention is None else self.attention(frames).clamp(-10.0, 10.0)
        return logit_of_mean(logits, weights.masked_fill(~real, -torch.inf).log_softmax(dim=1))
