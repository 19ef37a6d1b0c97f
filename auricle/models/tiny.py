"""The listening model: one encoder, clip and frame heads over a vocabulary, and a joint space shared with words."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.models.encoders.convolutional import ConvConfig, ConvEncoder

#: What the labels' shares count in likeness, against one for the encoder's own components.
LABELS_WEIGHT = 0.8


class Outputs(NamedTuple):
    """embedding (B, D) in the joint space, not normalised; clip (B, K) and frames (B, T, K) logits.

    likeness (B, D): what tells sounds apart, whether or not words can: whitened components of the encoder's vector, then the square roots
    of the labels' shares (Hellinger's map, so that a product of two is the Bhattacharyya coefficient of what both might be).
    """

    embedding: Tensor
    clip: Tensor
    frames: Tensor
    likeness: Tensor


class ListeningModel(nn.Module):
    """Log-mel dB (B, T, F) -> Outputs, frames at a quarter of the features' rate."""

    def __init__(self, config: ConvConfig, *, labels: int, dim: int) -> None:
        super().__init__()
        self.encoder = ConvEncoder(config)
        self.clip = nn.Linear(config.size, labels)
        self.frames = nn.Linear(config.size, labels)
        self.joint = nn.Linear(config.size, dim)
        self.likeness = nn.Linear(config.size, dim - labels)

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Outputs:
        """features dB (B, T, F); mask (B, T), True for real frames."""
        heard = self.encoder(features, mask)
        clip = self.clip(heard.pooled)
        components = functional.normalize(self.likeness(heard.pooled), dim=-1)
        return Outputs(
            embedding=self.joint(heard.pooled),
            clip=clip,
            frames=self.frames(heard.frames),
            likeness=torch.cat([components, LABELS_WEIGHT * clip.softmax(dim=-1).sqrt()], dim=-1),
        )
