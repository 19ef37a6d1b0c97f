"""Attention in square windows of a picture of tokens, with a bias for every relative place (Swin: Liu et al. 2021, arXiv:2103.14030).

Tokens stand on a Z-curve, columns before rows, so that every window, quarter of a window and square of four is one contiguous run:
the windows need no copies, a merge of four neighbours is a change of shape, and the shift by half a window moves whole quarters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: What is added to scores between tokens that only the shift brought together.
_APART = -100.0


def zcurve(side: int) -> Tensor:
    """Row and column of each of side x side tokens along the Z-curve, (side * side, 2); side is a power of two.

    Squares of four come in the order (0, 0), (1, 0), (0, 1), (1, 1): the order in which Swin's merge lays them end to end.
    """
    places = torch.arange(side * side)
    bits = max(side - 1, 0).bit_length()
    row, column = torch.zeros_like(places), torch.zeros_like(places)
    for bit in range(bits):
        row |= (places >> (2 * bit) & 1) << bit
        column |= (places >> (2 * bit + 1) & 1) << bit
    return torch.stack([row, column], dim=1)


def raster(side: int) -> Tensor:
    """Index (side * side,) that takes tokens on the Z-curve back to rows of a picture."""
    row, column = zcurve(side).unbind(1)
    return torch.argsort(row * side + column)


def shifted(side: int) -> Tensor:
    """Index (side * side,) that moves a picture on the Z-curve up and left by one place, around the edges."""
    row, column = zcurve(side).unbind(1)
    return raster(side)[(row + 1) % side * side + (column + 1) % side]


def apart(side: int, window: int) -> Tensor:
    """Scores' addition (W, window^2, window^2) in each window of a shifted picture: what was not neighbours stays apart."""
    row, column = zcurve(side).unbind(1)
    region = _region(row, side, window) * 3 + _region(column, side, window)
    region = region.view(-1, window * window)
    return torch.where(region[:, :, None] == region[:, None, :], 0.0, _APART)


def _region(place: Tensor, side: int, window: int) -> Tensor:
    return (place >= side - window).long() + (place >= side - window // 2).long()


def _relative(window: int) -> Tensor:
    """Row of the table of biases for each pair of tokens of a window, (window^2, window^2)."""
    places = zcurve(window)
    step = places[:, None] - places[None, :] + window - 1
    return step[..., 0] * (2 * window - 1) + step[..., 1]


class WindowAttention(nn.Module):
    """Multi-head attention inside each window. Parameters: qkv, proj, bias ((2 * window - 1)^2, heads)."""

    near: Tensor

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.tokens = heads, window * window
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias, std=0.02)
        self.register_buffer("near", _relative(window), persistent=False)

    def forward(self, x: Tensor, parted: Tensor | None = None) -> Tensor:
        """x (B, L, D) on the Z-curve, parted (W, n, n) of `apart` where the picture is shifted. Returns (B, L, D)."""
        rows, length, width = x.shape
        size = (-1, self.tokens, self.heads, width // self.heads)
        weights, biases = self.qkv.weight.view(3, width, width), self.qkv.bias.view(3, width)
        # Three products leave nothing to be cut apart.
        query, key, value = (functional.linear(x, weights[part], biases[part]).view(size).transpose(1, 2) for part in range(3))
        added = self.bias[self.near].permute(2, 0, 1)[None]  # (1, heads, n, n)
        if parted is not None:  # an addition for each window, the same for every clip
            added = (added + parted[:, None]).expand(rows, -1, -1, -1, -1).flatten(0, 1)
        heard = functional.scaled_dot_product_attention(query, key, value, attn_mask=added)
        projected: Tensor = self.proj(heard.transpose(1, 2).reshape(rows, length, width))
        return projected
