"""Self-attention over tokens (B, L, D) with masks and gated relative position biases."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class HeadGate(nn.Module):
    """Gate of the relative position bias, one factor for each query and head: WavLM (arXiv:2110.13900, section III-B) and BEATs.

    of_input: compute the gate from the block's input, split into heads (WavLM in transformers), not from the query (BEATs).
    Both publish eight outputs that are summed in two groups of four; conversion sums the weights once.
    """

    def __init__(self, size: int, heads: int, *, of_input: bool) -> None:
        super().__init__()
        self.of_input = of_input
        self.linear = nn.Linear(size, 2)
        self.scale = nn.Parameter(torch.ones(heads, 1, 1))

    def forward(self, query: Tensor, x: Tensor) -> Tensor:
        """query (B, H, L, D / H), x (B, L, D) to factors (B, H, L, 1)."""
        if self.of_input:
            rows, heads, length, _ = query.shape
            query = x.view(rows, length, heads, -1).transpose(1, 2)
        update, reset = torch.sigmoid(self.linear(query)).chunk(2, dim=-1)
        factors: Tensor = update * (reset * self.scale - 1.0) + 2.0
        return factors


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762, section 3.2); one layer for queries, keys and values."""

    def __init__(self, width: int, heads: int, gate: HeadGate | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.gate = gate

    def forward(self, x: Tensor, mask: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """(B, L, D) to (B, L, D).

        mask (B, L): True for real tokens; others are not attended to. bias (1, H, L, L): added to the scores, multiplied by the gate.
        """
        rows, length, width = x.shape
        query, key, value = self.qkv(x).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # each (B, H, L, D / H)
        if bias is not None and self.gate is not None:
            bias = self.gate(query, x) * bias
        keys = None if mask is None else mask[:, None, None, :]
        if bias is None:
            bias = keys
        elif keys is not None:
            bias = bias.masked_fill(~keys, -torch.inf)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(rows, length, width))
        return out


class RelativePositions(nn.Module):
    """Relative position bias: one learned score for each head and bucket of distances. Buckets of large distances widen logarithmically.

    Bidirectional, as in T5 (Raffel et al. 2020, arXiv:1910.10683, section 2.1), BEATs and WavLM.
    """

    def __init__(self, buckets: int, heads: int, *, max_distance: int) -> None:
        super().__init__()
        self.buckets, self.max_distance = buckets, max_distance
        self.scores = nn.Embedding(buckets, heads)

    def forward(self, length: int) -> Tensor:
        """(1, H, L, L) for L tokens: the row is the query's position, the column the key's."""
        positions = torch.arange(length, device=self.scores.weight.device)
        half = self.buckets // 2  # one half of the buckets for keys before the query, one for keys after it
        exact = half // 2  # distances below this have a bucket each
        offset = positions[None, :] - positions[:, None]
        distance = offset.abs()
        ratio = torch.log(distance.clamp(min=1).float() / exact) / math.log(self.max_distance / exact)
        far = (exact + (ratio * (half - exact)).long()).clamp(max=half - 1)
        bucket = torch.where(distance < exact, distance, far) + (offset > 0) * half
        scores: Tensor = self.scores(bucket)
        return scores.permute(2, 0, 1)[None]
