"""What is done to features in training alone: stripes of time and of frequency wiped out, and clips mixed with each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SpecAugment(nn.Module):
    """Wipes stripes of (B, T, F) to each clip's own mean (Park et al. 2019, arXiv:1904.08779), drawn by torch; numbers of PANNs."""

    def __init__(self, *, times: int = 2, frames: int = 64, bands: int = 2, mels: int = 8) -> None:
        """times stripes of up to `frames` frames, bands stripes of up to `mels` bands."""
        super().__init__()
        self.stripes = ((1, times, frames), (2, bands, mels))

    def forward(self, features: Tensor) -> Tensor:
        """features (B, T, F); left as they are in evaluation."""
        if not self.training:
            return features
        mean = features.mean(dim=(1, 2), keepdim=True)
        for axis, count, widest in self.stripes:
            size = features.shape[axis]
            for _ in range(count):
                width = torch.randint(0, min(widest, size) + 1, (len(features), 1), device=features.device)
                start = (torch.rand(len(features), 1, device=features.device) * (size - width + 1)).long()
                places = torch.arange(size, device=features.device)
                wiped = (places >= start) & (places < start + width)
                features = torch.where(wiped[:, :, None] if axis == 1 else wiped[:, None, :], mean, features)
        return features


def mixed_up(features: Tensor, labels: Tensor, *, strength: float = 1.0) -> tuple[Tensor, Tensor]:
    """Each clip with its neighbour in the batch, by shares of Beta(strength, strength) (Zhang et al. 2018, arXiv:1710.09412).

    features (B, T, F) and labels (B, K), both mixed as they are: PANNs mix log-mels.
    """
    share = torch.distributions.Beta(strength, strength).sample((len(features),)).to(features)
    turned = features.roll(1, dims=0), labels.roll(1, dims=0)
    wide, flat = share[:, None, None], share[:, None]
    return wide * features + (1 - wide) * turned[0], flat * labels + (1 - flat) * turned[1]
