"""From a map in time (B, T, D) to one vector and to labels, as PANNs decide (Kong et al. 2020, arXiv:1912.10211; sound event detection
with weak labels: Kong et al. 2020, arXiv:1904.03476)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.nn.pooling import mean_max


def local_mean_max(x: Tensor) -> Tensor:
    """Mean plus maximum of each moment and its two neighbours, zero beyond the ends: x (B, T, D), not negative, to the same shape."""
    moments = x.transpose(1, 2)
    largest = functional.max_pool1d(moments, 3, stride=1, padding=1)
    return (largest + functional.avg_pool1d(moments, 3, stride=1, padding=1)).transpose(1, 2)


def logit_of_mean(scores: Tensor, log_weights: Tensor) -> Tensor:
    """Logit of the weighted mean over time of the probabilities that the logits stand for.

    scores (B, T, K); log_weights (B, T, K) or (B, T, 1): logarithms of weights that sum to one over T. Returns (B, K).
    """
    present = torch.logsumexp(functional.logsigmoid(scores) + log_weights, dim=1)
    absent = torch.logsumexp(functional.logsigmoid(-scores) + log_weights, dim=1)
    return present - absent


class NoDecision(nn.Module):
    """None: the map pooled over time is the embedding."""

    def forward(self, maps: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, None, None]:
        """maps (B, T, width), zero where mask (B, T) is not True: pooled (B, D), frames (B, T, D), no labels."""
        return mean_max(maps, mask), local_mean_max(maps), None, None


class ClipDecision(nn.Module):
    """One decision a clip: the map pooled over time, a hidden layer, which is the embedding, and the labels' logits, if it has labels."""

    def __init__(self, width: int, size: int, labels: int) -> None:
        super().__init__()
        self.embed = nn.Linear(width, size)
        self.label = nn.Linear(size, labels) if labels else None

    def forward(self, maps: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None, None]:
        """maps (B, T, width), zero where mask (B, T) is not True: pooled (B, D), frames (B, T, D), clip (B, K), no scores in time.

        Published are pooled and clip. A frame is what the same layer says of a moment and its neighbours.
        """
        pooled = functional.relu(self.embed(mean_max(maps, mask)))
        frames = functional.relu(self.embed(local_mean_max(maps)))
        return pooled, frames, None if self.label is None else self.label(pooled), None


class MomentDecision(nn.Module):
    """A decision a moment, pooled to the clip's by maximum, mean or attention over the probabilities."""

    def __init__(self, width: int, size: int, labels: int, *, pool: Literal["max", "mean", "attention"]) -> None:
        super().__init__()
        self.pool = pool
        self.embed = nn.Linear(width, size)
        self.label = nn.Linear(size, labels)
        self.attention = nn.Linear(size, labels) if pool == "attention" else None

    def forward(self, maps: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """maps (B, T, width), zero where mask (B, T) is not True: pooled (B, D), frames (B, T, D), clip (B, K), scores (B, T, K).

        Published are clip and scores. pooled is the mean of the frames.
        """
        frames = functional.relu(self.embed(local_mean_max(maps)))
        scores = self.label(frames)
        real = torch.ones_like(frames[:, :, :1], dtype=torch.bool) if mask is None else mask[:, :, None]
        count = real.sum(dim=1).clamp(min=1)
        return (frames * real).sum(dim=1) / count, frames, self._clip(frames, scores, real), scores

    def _clip(self, frames: Tensor, scores: Tensor, real: Tensor) -> Tensor:
        """The clip's logits (B, K) of the moments' (B, T, K)."""
        if self.pool == "max":
            return scores.masked_fill(~real, -torch.inf).amax(dim=1)
        weights = torch.zeros_like(scores[:, :, :1]) if self.attention is None else self.attention(frames).clamp(-10.0, 10.0)
        return logit_of_mean(scores, weights.masked_fill(~real, -torch.inf).log_softmax(dim=1))
