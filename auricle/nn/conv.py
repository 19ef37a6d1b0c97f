"""Convolution blocks over (B, C, T, F) features, safe under padding: masked frames stay zero, so they never leak."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def strided_mask(mask: Tensor | None, stride: int) -> Tensor | None:
    """Mask (B, T) of real frames after a convolution of that time stride and centred kernel: (B, ceil(T / stride))."""
    return mask if mask is None or stride == 1 else mask[:, ::stride]


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """x (B, C, T, F) with the frames that are not real set to zero, which is what a centred convolution sees beyond an end."""
    return x if mask is None else x * mask[:, None, :, None].to(x.dtype)


class ConvNorm(nn.Module):
    """Centred convolution, batch norm and, where asked, ReLU. stride is (time, frequency)."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, stride: tuple[int, int] = (1, 1), relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, F) -> (B, C', ceil(T / stride), ceil(F / stride))."""
        x = self.norm(self.conv(x))
        return torch.relu_(x) if self.relu else x
