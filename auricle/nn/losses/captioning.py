"""Losses over tokens: logits (B, L, V) of a decoder against the tokens of a caption (B, L).

A mean over real tokens. Ranks and micro-batches have equal weight, however many tokens each has.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def token_cross_entropy(logits: Tensor, tokens: Tensor, mask: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of each position with its token, averaged over real tokens.

    logits (B, L, V); tokens int64 (B, L); mask bool (B, L), True for real tokens. smoothing: label smoothing (Szegedy et al. 2016,
    arXiv:1512.00567). Returns ().

    This is also the loss of parallel prediction (CapPa, Tschannen et al. 2023, arXiv:2306.07915): a decoder that sees mask tokens only,
    without a causal mask, predicts all positions at once.
    """
    each = functional.cross_entropy(logits.float().transpose(1, 2), tokens, reduction="none", label_smoothing=smoothing)
    return each.masked_fill(~mask, 0.0).sum() / mask.sum().clamp(min=1)


def next_token_cross_entropy(logits: Tensor, tokens: Tensor, mask: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Autoregressive cross-entropy: position l predicts token l + 1. Arguments as for token_cross_entropy; `tokens` are the input."""
    return token_cross_entropy(logits[:, :-1], tokens[:, 1:], mask[:, 1:], smoothing=smoothing)
