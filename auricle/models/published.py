"""A published system as one module: an encoder, its projection, and where it has words, a text tower and the scale of their cosines."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from auricle.core.config import PublishedConfig
from auricle.models.encoders.embedding import Embedding
from auricle.models.encoders.open import open_encoder
from auricle.nn.projection import PROJECTIONS


class Outputs(NamedTuple):
    """embedding (B, E): the joint space, or the encoder's own where there is none; not unit. clip (B, K), frames (B, T, K): logits.

    likeness (B, D): the encoder's own vector. K is 0 for a model without labels, T is 0 for one whose labels have no times.
    """

    embedding: Tensor
    clip: Tensor
    frames: Tensor
    likeness: Tensor


class PublishedModel(nn.Module):
    """Features of the front-end (B, ...) -> Outputs. Parts: encoder, projection, text, text_projection."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = open_encoder(config.encoder)
        width = int(getattr(self.encoder, "size"))  # noqa: B009 - a module's attributes are not typed
        self.projection = None if config.projection is None else PROJECTIONS[config.projection](width, config.dim)
        self.text: nn.Module | None = None
        if config.text is not None:
            from auricle.models.text import open_text_tower

            self.text = open_text_tower(config.text, dim=config.dim)

    def listen(self, features: Tensor, mask: Tensor | None = None, *, taps: bool = False) -> Embedding:
        """The encoder's own answer, before any projection."""
        heard: Embedding = self.encoder(features, mask, taps=taps)
        return heard

    def forward(self, features: Tensor) -> Outputs:
        """features as the front-end gives them, all of one length."""
        return self.told(self.listen(features))

    def told(self, heard: Embedding) -> Outputs:
        """What is made of the encoder's answer."""
        rows, none = heard.pooled.shape[0], heard.pooled.new_zeros
        clip = heard.clip if heard.clip is not None else none((rows, 0))
        frames = heard.scores if heard.scores is not None else none((rows, 0, clip.shape[1]))
        embedding = heard.pooled if self.projection is None else self.projection(heard.pooled)
        return Outputs(embedding=embedding, clip=clip, frames=frames, likeness=heard.pooled)

    @torch.no_grad()
    def words(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token ids and mask (B, L) to vectors of the joint space (B, E), not unit."""
        assert self.text is not None, "a model without a text tower was asked for words"
        vectors: Tensor = self.text(ids, mask)
        return vectors
