"""Transformer encoders over tokens (B, L, D): the block that vision, Whisper and speech encoders share, and a trunk for sound in line."""

from __future__ import annotations

import dataclasses
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from auricle.nn.attention import Attention, HeadGate, RelativePositions
from auricle.nn.position import ConvPositions


class Block(nn.Module):
    """Attention, then two linear layers with GELU between, each with its residual and norm.

    first: norms stand before the two parts (ViT, Whisper), instead of behind their residuals (BERT). weight: what the residual is
    multiplied by where norms stand behind (DeepNet's alpha, arXiv:2203.00555).
    """

    def __init__(self, attention: Attention, width: int, *, hidden: int, epsilon: float, first: bool = True, weight: float = 1.0) -> None:
        super().__init__()
        self.first, self.weight = first, weight
        self.norm1 = nn.LayerNorm(width, eps=epsilon)
        self.attention = attention
        self.norm2 = nn.LayerNorm(width, eps=epsilon)
        self.widen = nn.Linear(width, hidden)
        self.narrow = nn.Linear(hidden, width)

    def forward(self, x: Tensor, mask: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """(B, L, D) to (B, L, D). mask, bias: see Attention."""
        if self.first:
            x = x + self.attention(self.norm1(x), mask, bias)
            return x + self._wide(self.norm2(x))
        x = self.norm1(self.weight * x + self.attention(x, mask, bias))
        out: Tensor = self.norm2(self.weight * x + self._wide(x))
        return out

    def _wide(self, x: Tensor) -> Tensor:
        out: Tensor = self.narrow(functional.gelu(self.widen(x)))
        return out


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrunkSizes:
    """Sizes of a Trunk. conv, groups: kernel and groups of its positions by convolution. deep: DeepNet's weights of residuals.

    buckets: of relative positions, 0 for none; farthest: distance from which they share one. gate: what decides how much of them
    a query wants.
    """

    width: int
    depth: int
    heads: int
    hidden: int
    epsilon: float
    first: bool
    deep: bool = False
    conv: int = 128
    groups: int = 16
    buckets: int = 0
    farthest: int = 800
    gate: Literal["none", "query", "input"] = "none"


class Trunk(nn.Module):
    """The transformer of wav2vec 2.0 (arXiv:2006.11477), HuBERT, WavLM and BEATs: places by convolution; the last two add distances."""

    def __init__(self, sizes: TrunkSizes) -> None:
        super().__init__()
        self.first = sizes.first
        self.place = ConvPositions(sizes.width, sizes.conv, groups=sizes.groups)
        self.norm = nn.LayerNorm(sizes.width, eps=sizes.epsilon)
        self.relative = RelativePositions(sizes.buckets, sizes.heads, farthest=sizes.farthest) if sizes.buckets else None
        self.blocks = nn.ModuleList(_block(sizes) for _ in range(sizes.depth))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Tokens (B, L, D) with their mask (B, L) to what comes out, (B, L, D), and the states before, between and behind the blocks."""
        if mask is not None:
            x = x * mask[:, :, None]  # zero is what the convolution sees beyond an end
        x = x + self.place(x)
        if not self.first:
            x = self.norm(x)
        bias = None if self.relative is None else self.relative(x.shape[1])
        states = [x]
        for block in self.blocks:
            states.append(block(states[-1], mask, bias))
        return self.norm(states[-1]) if self.first else states[-1], tuple(states)


def _block(sizes: TrunkSizes) -> Block:
    gate = None
    if sizes.gate != "none":
        gate = HeadGate(sizes.width // sizes.heads, sizes.heads, of_input=sizes.gate == "input")
    return Block(
        Attention(sizes.width, sizes.heads, gate),
        sizes.width,
        hidden=sizes.hidden,
        epsilon=sizes.epsilon,
        first=sizes.first,
        weight=(2 * sizes.depth) ** 0.25 if sizes.deep else 1.0,
    )
