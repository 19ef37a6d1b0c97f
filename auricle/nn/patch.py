"""Patch embedding: a spectrogram (B, T, F) split into tokens, time-major."""

from __future__ import annotations

from torch import Tensor, nn


def patch_grid(frames: int, bands: int, *, size: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int]:
    """Number of patches along time and along frequency. size, stride: (time, frequency)."""
    return (frames - size[0]) // stride[0] + 1, (bands - size[1]) // stride[1] + 1


class Patches(nn.Module):
    """Linear projection of patches to tokens, computed as a convolution. size, stride: (time, frequency)."""

    def __init__(self, width: int, size: tuple[int, int], *, stride: tuple[int, int], bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, width, size, stride, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, F) to (B, T' * F', D): the patches of the first time step from low to high frequency, then those of the next."""
        tokens: Tensor = self.conv(features[:, None])
        return tokens.flatten(2).transpose(1, 2)
