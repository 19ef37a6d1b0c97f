"""The listening model: one encoder, clip and frame heads over a vocabulary, and a joint space shared with words."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from auricle.models.encoders.convolutional import ConvConfig, ConvEncoder


class Outputs(NamedTuple):
    """embedding (B, D) in the joint space, not normalised; clip (B, K) and frames (B, T, K) logits.

    likeness (B, E): what tells sounds apart, whether or not words can; not normalised.
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
        self.likeness = nn.Linear(config.size, dim)

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Outputs:
        """features dB (B, T, F); mask (B, T), True for real frames."""
        heard = self.encoder(features, mask)
        return Outputs(
            embedding=self.joint(heard.pooled),
            clip=self.clip(heard.pooled),
            frames=self.frames(heard.frames),
            likeness=self.likeness(heard.pooled),
        )
