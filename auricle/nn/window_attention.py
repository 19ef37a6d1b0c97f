"""Window attention with relative position bias (Swin: Liu et al. 2021, arXiv:2103.14030).

Tokens are stored in the order of a Z-curve, columns before rows, so every window, quarter of a window and 2 x 2 square is contiguous:
windows need no copies, patch merging is a reshape, and the shift by half a window moves whole quarters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Added to scores between tokens that are neighbours only because of the cyclic shift.
_MASKED = -100.0


def zcurve(side: int) -> Tensor:
    """Row and column of each of side x side tokens along the Z-curve, (side * side, 2); side is a power of two.

    2 x 2 squares come in the order (0, 0), (1, 0), (0, 1), (1, 1), in which Swin's patch merging concatenates them.
    """
    index = torch.arange(side * side)
    bits = max(side - 1, 0).bit_length()
    row, column = torch.zeros_like(index), torch.zeros_like(index)
    for bit in range(bits):
        row |= (index >> (2 * bit) & 1) << bit
        column |= (index >> (2 * bit + 1) & 1) << bit
    return torch.stack([row, column], dim=1)


def raster_index(side: int) -> Tensor:
    """Index (side * side,) that reorders tokens from the Z-curve to row-major order."""
    row, column = zcurve(side).unbind(1)
    return torch.argsort(row * side + column)


def shift_index(side: int) -> Tensor:
    """Index (side * side,) of a cyclic shift by one up and left of tokens on the Z-curve."""
    row, column = zcurve(side).unbind(1)
    return raster_index(side)[(row + 1) % side * side + (column + 1) % side]


def shift_mask(side: int, window: int) -> Tensor:
    """Additive attention mask (W, window^2, window^2) of the shifted windows: only neighbours before the shift attend to each other."""
    row, column = zcurve(side).unbind(1)
    region = _region(row, side, window) * 3 + _region(column, side, window)
    region = region.view(-1, window * window)
    return torch.where(region[:, :, None] == region[:, None, :], 0.0, _MASKED)


def _region(position: Tensor, side: int, window: int) -> Tensor:
    return (position >= side - window).long() + (position >= side - window // 2).long()


def _relative_index(window: int) -> Tensor:
    """Row of the bias table for each pair of tokens of a window, (window^2, window^2)."""
    positions = zcurve(window)
    offset = positions[:, None] - positions[None, :] + window - 1
    return offset[..., 0] * (2 * window - 1) + offset[..., 1]


class WindowAttention(nn.Module):
    """Multi-head attention inside each window. Parameters: qkv, proj, bias ((2 * window - 1)^2, heads)."""

    relative_index: Tensor

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.tokens = heads, window * window
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias, std=0.02)
        self.register_buffer("relative_index", _relative_index(window), persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, L, D) on the Z-curve; mask (W, n, n), of `shift_mask`, where windows are shifted. Returns (B, L, D)."""
        rows, length, width = x.shape
        size = (-1, self.tokens, self.heads, width // self.heads)
        weights, biases = self.qkv.weight.view(3, width, width), self.qkv.bias.view(3, width)
        # Three products avoid copies to split one.
        query, key, value = (functional.linear(x, weights[part], biases[part]).view(size).transpose(1, 2) for part in range(3))
        bias = self.bias[self.relative_index].permute(2, 0, 1)[None]  # (1, heads, n, n)
        if mask is not None:  # (B * W, heads, n, n)
            bias = (bias + mask[:, None]).expand(rows, -1, -1, -1, -1).flatten(0, 1)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        projected: Tensor = self.proj(mixed.transpose(1, 2).reshape(rows, length, width))
        return projected
