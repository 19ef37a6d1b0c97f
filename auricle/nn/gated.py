"""Gated transformer blocks over tokens (B, L, D): RMS norm, rotary position embedding, SwiGLU, no biases (as in LLaMA).

Blocks with global and with local attention can alternate. A local one attends at most `reach` tokens away, which costs less.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Rotary(nn.Module):
    """Rotary position embedding: query-key products depend on relative positions only (Su et al. 2021, arXiv:2104.09864).

    head: width of a head. axes: coordinates of a token, each of which rotates an equal part of a head's pairs (two for spectrograms:
    time and band). base: the inverse of the lower limit of the angular frequencies.
    """

    frequencies: Tensor

    def __init__(self, head: int, *, axes: int = 1, base: float = 10_000.0) -> None:
        super().__init__()
        pairs = head // 2 // axes
        self.register_buffer("frequencies", base ** (-torch.arange(pairs, dtype=torch.float32) / pairs), persistent=False)

    def rotations(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (..., head / 2) for positions (L, A), or (B, 1, L, A) where rows differ."""
        angles = (positions[..., None] * self.frequencies).flatten(-2)
        return angles.cos(), angles.sin()


def apply_rotary(x: Tensor, rotations: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate the pairs of x (B, H, L, head). Pairs that belong to no axis stay unchanged."""
    cosine, sine = rotations
    count = cosine.shape[-1]
    first, second, rest = x[..., :count], x[..., count : 2 * count], x[..., 2 * count :]
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine, rest], dim=-1)


class GatedBlock(nn.Module):
    """Pre-norm transformer block: self-attention, optional cross-attention, then SwiGLU (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, width: int, heads: int, *, hidden: int, across: int = 0, dropout: float = 0.0) -> None:
        """across: width of the memory of the cross-attention, 0 for none. hidden: width inside the SwiGLU."""
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.widen = nn.Linear(width, 2 * hidden, bias=False)
        self.narrow = nn.Linear(hidden, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.across: nn.ModuleDict | None = None
        if across:
            parts = {"query": (width, width), "memory": (across, 2 * width), "out": (width, width)}
            self.across = nn.ModuleDict({name: nn.Linear(*sizes, bias=False) for name, sizes in parts.items()})
            self.across["norm"] = nn.RMSNorm(width)

    def forward(
        self,
        x: Tensor,
        rotations: tuple[Tensor, Tensor],
        *,
        mask: Tensor | None = None,
        causal: bool = False,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> Tensor:
        """x (B, L, D) to the same shape. rotations: of Rotary. mask: bool, broadcast to (B, 1, L, L), True where a row attends to a column.

        causal: tokens do not attend to later ones. memory (B, M, A) and memory_mask (B, M): input of the cross-attention.
        """
        query, key, value = _heads(self.qkv(self.norm1(x)), 3, self.heads)
        query, key = apply_rotary(query, rotations), apply_rotary(key, rotations)
        x = x + self.dropout(self.out(_attend(query, key, value, mask, causal=causal)))
        if self.across is not None and memory is not None:
            (query,) = _heads(self.across["query"](self.across["norm"](x)), 1, self.heads)
            key, value = _heads(self.across["memory"](memory), 2, self.heads)
            keys = None if memory_mask is None else memory_mask[:, None, None, :]
            x = x + self.dropout(self.across["out"](_attend(query, key, value, keys)))
        gate, up = self.widen(self.norm2(x)).chunk(2, dim=-1)
        out: Tensor = x + self.dropout(self.narrow(functional.silu(gate) * up))
        return out


def _heads(x: Tensor, parts: int, heads: int) -> tuple[Tensor, ...]:
    """(B, L, parts * D) to `parts` tensors (B, H, L, D / H)."""
    rows, length, _ = x.shape
    return tuple(x.view(rows, length, parts, heads, -1).permute(2, 0, 3, 1, 4).unbind(0))


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, causal: bool = False) -> Tensor:
    """Attention of (B, H, L, D / H), with heads concatenated to (B, L, D)."""
    if causal and mask is not None:
        length = query.shape[2]
        mask, causal = mask & torch.ones(length, length, dtype=torch.bool, device=mask.device).tril(), False
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
    return mixed.transpose(1, 2).flatten(2)


def local_mask(length: int, reach: int, device: torch.device) -> Tensor:
    """Bool (L, L): True where two tokens are at most `reach` apart."""
    positions = torch.arange(length, device=device)
    return (positions[:, None] - positions[None]).abs() <= reach
