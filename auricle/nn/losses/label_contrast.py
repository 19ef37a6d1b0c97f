"""Losses over embeddings (B, D) in a joint space."""

from __future__ import annotations

from torch import Tensor, nn

from auricle.nn.losses.cross_entropy import shared_cross_entropy


def words_contrast(audio: Tensor, words: Tensor, share: Tensor, *, temperature: float) -> Tensor:
    """InfoNCE against a fixed bank of label vectors: audio (B, D), words (K, D) of unit length, share (B, K) as in shared_cross_entropy."""
    cosine = nn.functional.normalize(audio, dim=-1) @ words.T
    return shared_cross_entropy(cosine / temperature, share)
