"""Patches: a time-frequency picture (B, T, F) cut into tokens, time in the outer order."""

from __future__ import annotations

from torch import Tensor, nn


def grid_of(frames: int, bands: int, *, size: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int]:
    """How many patches of that size and stride (time, frequency) lie wholly in so many frames and bands: along time, along frequency."""
    return (frames - size[0]) // stride[0] + 1, (bands - size[1]) // stride[1] + 1


class Patches(nn.Module):
    """One linear map of every patch: a convolution whose stride is the patches' distance. size, stride: (time, frequency)."""

    def __init__(self, width: int, size: tuple[int, int], *, stride: tuple[int, int], bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, width, size, stride, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, F) to (B, T' * F', D): the patches of the first moment, low to high, then those of the next."""
        tokens: Tensor = self.conv(features[:, None])
        return tokens.flatten(2).transpose(1, 2)
