"""Convolution blocks over (B, C, T, F) features with padding: masked frames stay zero, so padding never changes real frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def pad_frames(features: Tensor, mask: Tensor | None, *, frames: int, silence: float = 0.0) -> tuple[Tensor, Tensor | None]:
    """Set padding of features (B, T, ...) to silence, and append silence until T is at least `frames`. Returns features and mask (B, T).

    Frames below `frames` count as real, alone or in a batch: a clip too short for its encoder's pooling is followed by silence.
    """
    missing = torch.sym_max(0, frames - features.shape[1])  # type: ignore[no-untyped-call]  # max() would fix an exported length
    around = (0, 0) * (features.ndim - 2)
    if mask is None:
        return functional.pad(features, (*around, 0, missing), value=silence), None
    padding = ~mask.reshape(*mask.shape, *(1,) * (features.ndim - 2))
    features = functional.pad(features.masked_fill(padding, silence), (*around, 0, missing), value=silence)
    early = torch.arange(features.shape[1], device=mask.device) < frames
    return features, functional.pad(mask, (0, missing)) | early


def strided_mask(mask: Tensor | None, stride: int) -> Tensor | None:
    """Mask (B, T) after a convolution with this time stride and a centred kernel: (B, ceil(T / stride))."""
    return mask if mask is None or stride == 1 else mask[:, ::stride]


def pooled_mask(mask: Tensor | None, size: int) -> Tensor | None:
    """Mask (B, T) after pooling `size` frames into one: (B, T // size), True where all of them are real."""
    return mask if mask is None or size == 1 else mask[:, size - 1 :: size]


def apply_mask(x: Tensor, mask: Tensor | None) -> Tensor:
    """Set frames of x (B, C, T, F) that are not real to zero, the value of a centred convolution's padding."""
    return x if mask is None else x * mask[:, None, :, None].to(x.dtype)


def as_image(features: Tensor, mask: Tensor | None) -> Tensor:
    """Features (B, T, F) as one masked channel (B, 1, T, F).

    On a CPU in channels-last memory format, which convolutions keep: depthwise convolutions run twice as fast, dense ones slower.
    """
    x = apply_mask(features[:, None], mask)
    return x.to(memory_format=torch.channels_last) if x.is_cpu else x


class ConvNorm(nn.Module):
    """Centred convolution, batch norm and optional ReLU. stride is (time, frequency); groups as in Conv2d; eps is the norm's."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 3,
        stride: tuple[int, int] = (1, 1),
        relu: bool = True,
        groups: int = 1,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False, groups=groups)
        self.norm = nn.BatchNorm2d(outputs, eps=eps)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, F) -> (B, C', ceil(T / stride), ceil(F / stride))."""
        x = self.norm(self.conv(x))
        return torch.relu_(x) if self.relu else x


class ConvPool(nn.Module):
    """Two 3 x 3 convolutions or one 5 x 5, each with batch norm and ReLU, then average pooling (ConvBlock and ConvBlock5x5 of PANNs)."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3) -> None:
        super().__init__()
        self.conv1 = ConvNorm(inputs, outputs, kernel=kernel)
        self.conv2 = ConvNorm(outputs, outputs) if kernel == 3 else None

    def forward(self, x: Tensor, mask: Tensor | None, *, pool: tuple[int, int] = (2, 2)) -> tuple[Tensor, Tensor | None]:
        """x (B, C, T, F) and mask (B, T) to (B, C', T // pool, F // pool) and (B, T // pool). pool is (time, frequency)."""
        x = self.conv1(x)
        if self.conv2 is not None:
            x = self.conv2(apply_mask(x, mask))
        if pool != (1, 1):
            x = functional.avg_pool2d(x, pool)
        mask = pooled_mask(mask, pool[0])
        return apply_mask(x, mask), mask
