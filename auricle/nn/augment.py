"""Augmentations of features in training: SpecAugment and mixup."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SpecAugment(nn.Module):
    """Set random stripes of (B, T, F) to the clip's mean (Park et al. 2019, arXiv:1904.08779). Defaults are those of PANNs."""

    def __init__(self, *, time_masks: int = 2, frames: int = 64, mel_masks: int = 2, mels: int = 8) -> None:
        """time_masks stripes of up to `frames` frames and mel_masks stripes of up to `mels` bands."""
        super().__init__()
        self.stripes = ((1, time_masks, frames), (2, mel_masks, mels))

    def forward(self, features: Tensor) -> Tensor:
        """features (B, T, F); unchanged in evaluation mode."""
        if not self.training:
            return features
        mean = features.mean(dim=(1, 2), keepdim=True)
        for axis, count, widest in self.stripes:
            size = features.shape[axis]
            for _ in range(count):
                width = torch.randint(0, min(widest, size) + 1, (len(features), 1), device=features.device)
                start = (torch.rand(len(features), 1, device=features.device) * (size - width + 1)).long()
                positions = torch.arange(size, device=features.device)
                stripe = (positions >= start) & (positions < start + width)
                features = torch.where(stripe[:, :, None] if axis == 1 else stripe[:, None, :], mean, features)
        return features


def mixup(*tensors: Tensor, alpha: float = 1.0) -> tuple[Tensor, ...]:
    """Mix each clip with its neighbour in the batch, with weights from Beta(alpha, alpha) (Zhang et al. 2018, arXiv:1710.09412).

    tensors: features (B, ...) and targets (B, ...), which are mixed linearly with the same weights; PANNs mix log-mels in this way.
    """
    weight = torch.distributions.Beta(alpha, alpha).sample((len(tensors[0]),)).to(tensors[0])
    mixed = []
    for tensor in tensors:
        own = weight.view(-1, *[1] * (tensor.ndim - 1))
        mixed.append(own * tensor + (1 - own) * tensor.roll(1, dims=0))
    return tuple(mixed)
