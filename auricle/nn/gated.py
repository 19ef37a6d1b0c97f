"""Transformer blocks of today's language models over tokens (B, L, D): RMS norms, rotary places, gated linear layers, no biases.

Wide and narrow blocks can take turns: a narrow one looks `reach` tokens far, which costs less and keeps what is near apart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Rotary(nn.Module):
    """Turns queries and keys by where they stand, so that their products know distances alone (Su et al. 2021, arXiv:2104.09864).

    axes: coordinates of a token; each turns its share of a head's pairs (two for pictures: time and band).
    """

    speeds: Tensor

    def __init__(self, head: int, *, axes: int = 1, slowest: float = 10_000.0) -> None:
        super().__init__()
        pairs = head // 2 // axes
        self.register_buffer("speeds", slowest ** (-torch.arange(pairs, dtype=torch.float32) / pairs), persistent=False)

    def turns(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """places (L, A), or (B, 1, L, A) where rows differ, to cosines and sines of the same shape but for the last, head / 2."""
        angles = (places[..., None] * self.speeds).flatten(-2)
        return angles.cos(), angles.sin()


def turned(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """x (B, H, L, head) with its pairs turned; pairs that no axis has a share of stay."""
    cosine, sine = turns
    count = cosine.shape[-1]
    first, second, rest = x[..., :count], x[..., count : 2 * count], x[..., 2 * count :]
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine, rest], dim=-1)


class GatedBlock(nn.Module):
    """Attention, then SwiGLU (Shazeer 2020, arXiv:2002.05202), each behind its RMS norm; causal: tokens see none that follow.

    across: attends to a memory besides, as a decoder does.
    """

    def __init__(self, width: int, heads: int, *, hidden: int, across: int = 0, dropout: float = 0.0) -> None:
        """across: width of the memory, 0 for none."""
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
        turns: tuple[Tensor, Tensor],
        *,
        seen: Tensor | None = None,
        causal: bool = False,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> Tensor:
        """x (B, L, D) to the same. turns: of Rotary. seen: bool, broadcast to (B, 1, L, L), True where a row may look at a column.

        memory (B, M, A) with its mask (B, M), where the block has an `across`.
        """
        query, key, value = _heads(self.qkv(self.norm1(x)), 3, self.heads)
        query, key = turned(query, turns), turned(key, turns)
        x = x + self.dropout(self.out(_joined(query, key, value, seen, causal=causal)))
        if self.across is not None and memory is not None:
            (query,) = _heads(self.across["query"](self.across["norm"](x)), 1, self.heads)
            key, value = _heads(self.across["memory"](memory), 2, self.heads)
            known = None if memory_mask is None else memory_mask[:, None, None, :]
            x = x + self.dropout(self.across["out"](_joined(query, key, value, known)))
        gate, up = self.widen(self.norm2(x)).chunk(2, dim=-1)
        told: Tensor = x + self.dropout(self.narrow(functional.silu(gate) * up))
        return told


def _heads(x: Tensor, parts: int, heads: int) -> tuple[Tensor, ...]:
    """(B, L, parts * D) to so many (B, H, L, D / H)."""
    rows, length, _ = x.shape
    return tuple(x.view(rows, length, parts, heads, -1).permute(2, 0, 3, 1, 4).unbind(0))


def _joined(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None, *, causal: bool = False) -> Tensor:
    if causal and seen is not None:
        length = query.shape[2]
        seen, causal = seen & torch.ones(length, length, dtype=torch.bool, device=seen.device).tril(), False
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, is_causal=causal)
    return mixed.transpose(1, 2).flatten(2)


def near(length: int, reach: int, device: torch.device) -> Tensor:
    """Bool (L, L): True where two tokens are at most `reach` apart."""
    places = torch.arange(length, device=device)
    return (places[:, None] - places[None]).abs() <= reach
