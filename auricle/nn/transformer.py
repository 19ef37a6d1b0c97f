"""Transformer encoders over tokens (B, L, D): the block of vision, Whisper and speech encoders, and the trunk of speech encoders."""

from __future__ import annotations

import dataclasses
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from auricle.nn.attention import Attention, HeadGate, RelativePositions
from auricle.nn.position import ConvPositions


class Block(nn.Module):
    """Attention, then two linear layers with GELU between them, each with residual connection and layer norm.

    norm_first: pre-norm (ViT, Whisper) instead of post-norm (BERT). residual_weight: factor of the residual in post-norm (DeepNet's
    alpha, arXiv:2203.00555).
    """

    def __init__(
        self,
        attention: Attention,
        width: int,
        *,
        hidden: int,
        epsilon: float,
        norm_first: bool = True,
        residual_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.norm_first, self.residual_weight = norm_first, residual_weight
        self.norm1 = nn.LayerNorm(width, eps=epsilon)
        self.attention = attention
        self.norm2 = nn.LayerNorm(width, eps=epsilon)
        self.widen = nn.Linear(width, hidden)
        self.narrow = nn.Linear(hidden, width)

    def forward(self, x: Tensor, mask: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """(B, L, D) to (B, L, D). mask, bias: see Attention."""
        if self.norm_first:
            x = x + self.attention(self.norm1(x), mask, bias)
            return x + self._mlp(self.norm2(x))
        x = self.norm1(self.residual_weight * x + self.attention(x, mask, bias))
        out: Tensor = self.norm2(self.residual_weight * x + self._mlp(x))
        return out

    def _mlp(self, x: Tensor) -> Tensor:
        out: Tensor = self.narrow(functional.gelu(self.widen(x)))
        return out


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrunkSizes:
    """Sizes of a Trunk. conv_kernel, conv_groups: of its convolutional positions. deep_norm: DeepNet's residual weights.

    buckets: of relative positions, 0 for none; max_distance: distances from here on share one bucket. gate: input of the gate of the
    relative position bias.
    """

    width: int
    depth: int
    heads: int
    hidden: int
    epsilon: float
    norm_first: bool
    deep_norm: bool = False
    conv_kernel: int = 128
    conv_groups: int = 16
    buckets: int = 0
    max_distance: int = 800
    gate: Literal["none", "query", "input"] = "none"


class Trunk(nn.Module):
    """The transformer of wav2vec 2.0 (arXiv:2006.11477), HuBERT, WavLM and BEATs: convolutional positions; the last two add relative."""

    def __init__(self, sizes: TrunkSizes) -> None:
        super().__init__()
        self.norm_first = sizes.norm_first
        self.place = ConvPositions(sizes.width, sizes.conv_kernel, groups=sizes.conv_groups)
        self.norm = nn.LayerNorm(sizes.width, eps=sizes.epsilon)
        self.relative = RelativePositions(sizes.buckets, sizes.heads, max_distance=sizes.max_distance) if sizes.buckets else None
        self.blocks = nn.ModuleList(_block(sizes) for _ in range(sizes.depth))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Tokens (B, L, D) and mask (B, L) to the output (B, L, D) and the hidden states before the first and after each block."""
        if mask is not None:
            x = x * mask[:, :, None]  # zero, as the convolution's own padding
        x = x + self.place(x)
        if not self.norm_first:
            x = self.norm(x)
        bias = None if self.relative is None else self.relative(x.shape[1])
        states = [x]
        for block in self.blocks:
            states.append(block(states[-1], mask, bias))
        return self.norm(states[-1]) if self.norm_first else states[-1], tuple(states)


def _block(sizes: TrunkSizes) -> Block:
    gate = None
    if sizes.gate != "none":
        gate = HeadGate(sizes.width // sizes.heads, sizes.heads, of_input=sizes.gate == "input")
    return Block(
        Attention(sizes.width, sizes.heads, gate),
        sizes.width,
        hidden=sizes.hidden,
        epsilon=sizes.epsilon,
        norm_first=sizes.norm_first,
        residual_weight=(2 * sizes.depth) ** 0.25 if sizes.deep_norm else 1.0,
    )
