"""ConvNeXt-Tiny for AudioSet: the image network with a stem for 224 mel bands; also the encoder of CoNeTTE.

Pellegrini et al. 2023, arXiv:2306.00830; Liu et al. 2022, arXiv:2201.03545; shapes from topel/audioset-convnext-inf (MIT).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import Strict
from auricle.models.encoders.cnn14 import SILENCE
from auricle.models.encoders.embedding import Embedding
from auricle.nn.conv import apply_mask, as_image, pad_frames, pooled_mask
from auricle.nn.pooling import mean_max
from auricle.signal.frontend import open_frontend

_EPS = 1e-6  # of every layer norm
_PATCH = 4  # kernel and stride of the stem
_MARGIN = 4  # frames of zero padding on both sides of the stem's input


class ConvNextConfig(Strict):
    """Sizes. depths: blocks of each stage. widths: channels of each stage, the last one is D."""

    family: Literal["convnext"] = "convnext"
    frontend: str = "convnext-224"
    mels: int = 224
    depths: tuple[int, int, int, int] = (3, 3, 9, 3)
    widths: tuple[int, int, int, int] = (96, 192, 384, 768)
    labels: int = 527


class _ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, T, F)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, F) to the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Block(nn.Module):
    """ConvNeXt block: depthwise 7 x 7 convolution, layer norm, two linear layers with GELU, layer scale, residual connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=_EPS)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x (B, C, T, F), zero where mask (B, T) is False, to the same shape."""
        y = self.norm(self.around(x).permute(0, 2, 3, 1))
        y = self.scale * self.narrow(functional.gelu(self.widen(y)))
        return apply_mask(x + y.permute(0, 3, 1, 2), mask)


class _Stage(nn.ModuleList):
    """Blocks of one width in sequence."""

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x (B, C, T, F), zero where mask (B, T) is False, to the same shape."""
        for block in self:
            x = block(x, mask)
        return x


class _Halving(nn.Module):
    """Downsampling: layer norm, then a 2 x 2 convolution with stride 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = _ChannelNorm(inputs, eps=_EPS)
        self.conv = nn.Conv2d(inputs, outputs, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, F) to (B, C', T // 2, F // 2)."""
        halved: Tensor = self.conv(self.norm(x))
        return halved


class _Stem(nn.Module):
    """Patch embedding: 4 x 4 convolution with stride 4, zero-padded in time as published, then layer norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, width, _PATCH, stride=_PATCH, padding=(_MARGIN, 0))
        self.norm = _ChannelNorm(width, eps=_EPS)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, 1, T, F) and (B, T) to (B, C, T // 4 + 2, F // 4) and (B, T // 4 + 2)."""
        x = self.norm(self.conv(x))
        if mask is not None:
            lengths = mask.sum(dim=1)[:, None] // _PATCH + 2 * _MARGIN // _PATCH
            mask = torch.arange(x.shape[2], device=x.device)[None] < lengths
        return apply_mask(x, mask), mask


class ConvNext(nn.Module):
    """Log-mel dB (B, T, F) -> Embedding of (T // 4 + 2) // 8 frames. Shorter clips are padded with silence to one frame."""

    Config = ConvNextConfig

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend, self.size, self.labels = config.frontend, config.widths[-1], config.labels
        self.bands = nn.BatchNorm1d(config.mels)
        self.stem = _Stem(config.widths[0])
        self.stages = nn.ModuleList(
            _Stage(_Block(width) for _ in range(depth)) for depth, width in zip(config.depths, config.widths, strict=True)
        )
        pairs = zip(config.widths[:-1], config.widths[1:], strict=True)
        self.halvings = nn.ModuleDict({str(n + 1): _Halving(inputs, outputs) for n, (inputs, outputs) in enumerate(pairs)})
        self.reduction = _PATCH * 2 ** len(self.halvings)
        self.frame_rate = open_frontend(config.frontend).frame_rate / self.reduction
        self.norm = nn.LayerNorm(self.size, eps=_EPS)
        self.label = nn.Linear(self.size, config.labels)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features dB (B, T, F); mask (B, T), True for real frames; with_layers: each stage's map, mean over frequency.

        frames are the last map's mean over frequency, the input of CoNeTTE's decoder; pooled is their mean plus maximum, layer-normed.
        """
        x, mask = pad_frames(features, mask, frames=self.reduction - 2 * _MARGIN, silence=SILENCE)
        x, mask = self.stem(as_image(self.bands(x.transpose(1, 2)).transpose(1, 2), mask), mask)
        layers = []
        for number, stage in enumerate(self.stages):
            if number > 0:
                x, mask = self.halvings[str(number)](x), pooled_mask(mask, 2)
            x = stage(apply_mask(x, mask), mask)
            if with_layers:
                layers.append(x.mean(dim=3).transpose(1, 2))
        frames = x.mean(dim=3).transpose(1, 2)
        pooled = self.norm(mean_max(frames, mask))
        return Embedding(
            pooled=pooled, frames=frames, mask=mask, frame_rate=self.frame_rate, clip_logits=self.label(pooled), layers=tuple(layers)
        )
