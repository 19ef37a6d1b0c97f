"""Contrastive loss of embeddings (B, D) with label vectors of the joint space."""

from __future__ import annotations

from torch import Tensor, nn

from auricle.nn.losses.cross_entropy import soft_cross_entropy


def label_info_nce(audio: Tensor, labels: Tensor, target: Tensor, *, temperature: float) -> Tensor:
    """InfoNCE with fixed label vectors: audio (B, D), labels (K, D) of unit length, target (B, K) as in soft_cross_entropy."""
    cosine = nn.functional.normalize(audio, dim=-1) @ labels.T
    return soft_cross_entropy(cosine / temperature, target)
