"""Cross-entropies of clip logits (B, K) and frame logits (B, T, K)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy with soft targets: logits (B, K), target (B, K) with rows that sum to one, or to zero where there is no label."""
    return -(target * torch.log_softmax(logits, dim=-1)).sum(dim=-1).mean()


def multilabel_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy summed over labels, averaged over clips and frames: logits and target (..., K), target in 0..1."""
    return nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(dim=-1).mean()
