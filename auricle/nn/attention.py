"""Self-attention over tokens (B, L, D), and what may be added to its scores: masks and gated relative positions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class HeadGate(nn.Module):
    """How much of the relative positions each query of each head wants: WavLM (arXiv:2110.13900, section III-B) and BEATs.

    of_input: the gate looks at the block's input, cut into heads (WavLM in transformers), instead of at the query (BEATs).
    Both publish the two gates as eight outputs to be added up by fours; conversion adds them up.
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
    """Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762, section 3.2); queries, keys and values come of one product."""

    def __init__(self, width: int, heads: int, gate: HeadGate | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.gate = gate

    def forward(self, x: Tensor, mask: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """(B, L, D) to (B, L, D).

        mask (B, L): True for real tokens, others are not looked at. bias (1, H, L, L): added to the scores, as far as the gate lets it.
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
    """A score for each distance between two tokens and each head; far distances share buckets that widen with their logarithm.

    T5's scheme (Raffel et al. 2020, arXiv:1910.10683, section 2.1), both directions, as BEATs and WavLM use it.
    """

    def __init__(self, buckets: int, heads: int, *, farthest: int) -> None:
        super().__init__()
        self.buckets, self.farthest = buckets, farthest
        self.scores = nn.Embedding(buckets, heads)

    def forward(self, length: int) -> Tensor:
        """(1, H, L, L) for L tokens: row is the query's place, column the key's."""
        places = torch.arange(length, device=self.scores.weight.device)
        half = self.buckets // 2  # one half of the buckets for keys before the query, one for those behind it
        exact = half // 2  # distances below this have a bucket each
        distance = places[None, :] - places[:, None]
        apart = distance.abs()
        ratio = torch.log(apart.clamp(min=1).float() / exact) / math.log(self.farthest / exact)
        far = (exact + (ratio * (half - exact)).long()).clamp(max=half - 1)
        bucket = torch.where(apart < exact, apart, far) + (distance > 0) * half
        scores: Tensor = self.scores(bucket)
        return scores.permute(2, 0, 1)[None]
