"""Losses over clip scores (B, K) and frame scores (B, T, K)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def shared_cross_entropy(logits: Tensor, share: Tensor) -> Tensor:
    """Cross-entropy against a distribution: logits (B, K), share (B, K) with rows that sum to one, or to zero where nothing is labelled."""
    return -(share * torch.log_softmax(logits, dim=-1)).sum(dim=-1).mean()


def presence(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy summed over labels, averaged over clips and frames: logits and truth (..., K), truth in 0..1."""
    return nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").sum(dim=-1).mean()
