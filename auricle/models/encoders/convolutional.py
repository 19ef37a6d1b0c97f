"""Convolutional encoder: a plain stack of dense 3 x 3 convolutions over gain-invariant log-mel, fast on a CPU.

Dense convolutions run near a processor's peak speed; few layers keep the cost of batch norms, additions and copies low.

Frames have a quarter of the front-end's frame rate: the deep path runs at an eighth and is added to a shallow path at a quarter, which
keeps onsets precise while the deep path has a large receptive field.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from auricle.core.config import Strict
from auricle.models.encoders.embedding import Embedding
from auricle.nn.conv import ConvNorm, apply_mask, strided_mask
from auricle.nn.pooling import mean_max
from auricle.signal.presets import PRESETS


class ConvConfig(Strict):
    """Sizes of the encoder. widths: channels of the stem and of the stages. range_db: dynamic range below the clip's peak.

    residual: blocks of two convolutions around an identity, after each of the three deep layers that shrink the map; 0 is one plain
    convolution after the first two of them.
    """

    family: Literal["convolutional"] = "convolutional"
    frontend: str = "auricle-16k"
    mels: int = 64
    widths: tuple[int, int, int, int, int] = (32, 64, 128, 192, 256)
    size: int = 512
    range_db: float = 80.0
    dropout: float = 0.2
    residual: Annotated[int, Field(ge=0, le=16)] = 0


class Residual(nn.Module):
    """Two 3 x 3 convolutions with batch norm, added to their input (B, C, T, F), then ReLU (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = ConvNorm(width, width), ConvNorm(width, width, relu=False)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The same shape; mask (B, T), True for real frames."""
        return torch.relu(x + self.second(apply_mask(self.first(x), mask)))


class ConvEncoder(nn.Module):
    """Log-mel dB (B, T, F) -> Embedding with D = size and ceil(T / 4) frames."""

    Config = ConvConfig
    labels = 0
    muon = ("quarter", "wide", "fine")  # layers outside `deep` that are trained with Muon too

    def __init__(self, config: ConvConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend, self.size = config.frontend, config.size
        self.frame_rate = PRESETS[config.frontend].frame_rate / 4
        stem, one, two, three, four = config.widths
        self.stem = ConvNorm(1, stem, kernel=5, stride=(2, 2))
        self.quarter = ConvNorm(stem, one, stride=(2, 2))
        first, second, third = (
            ConvNorm(one, two, stride=(2, 2)),
            ConvNorm(two, three, stride=(1, 2)),
            ConvNorm(three, four, stride=(1, 2)),
        )
        layers: list[nn.Module] = [first, ConvNorm(two, two), second, ConvNorm(three, three), third]
        if config.residual:
            stages = zip((first, second, third), (two, three, four), strict=True)
            layers = [layer for down, width in stages for layer in (down, *(Residual(width) for _ in range(config.residual)))]
        self.deep = nn.ModuleList(layers)
        bands = config.mels // 32  # bands left after five halvings
        self.wide = nn.Linear(four * bands, config.size)
        self.fine = nn.Linear(one * config.mels // 4, config.size)
        self.dropout = nn.Dropout(config.dropout)

    def normalise(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Gain-invariant input (B, 1, T, F): dB relative to the loudest band of the clip, clipped at -range_db, scaled to about +-1."""
        real = features if mask is None else features.masked_fill(~mask[:, :, None], -200.0)
        peak = real.amax(dim=(1, 2), keepdim=True)
        x = ((features - peak) / self.config.range_db + 1.0).clamp(min=0.0)
        return apply_mask((2.0 * x - 1.0)[:, None], mask)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features dB (B, T, F); mask (B, T), True for real frames; with_layers: each deep block's map, mean over frequency."""
        x = self.normalise(features, mask)
        if features.is_cpu:
            x = x.contiguous(memory_format=torch.channels_last)
        mask = strided_mask(mask, 2)
        x = apply_mask(self.stem(x), mask)
        quarter_mask = strided_mask(mask, 2)
        x = shallow = apply_mask(self.quarter(x), quarter_mask)
        mask = strided_mask(quarter_mask, 2)
        layers = []
        for block in self.deep:
            x = apply_mask(block(x, mask) if isinstance(block, Residual) else block(x), mask)
            if with_layers:
                layers.append(x.mean(dim=3).transpose(1, 2))
        wide = torch.relu(self.wide(x.transpose(1, 2).flatten(2)))  # (B, T / 8, size)
        pooled = self.dropout(mean_max(wide, mask))
        fine = self.fine(shallow.transpose(1, 2).flatten(2))  # (B, T / 4, size)
        frames = torch.relu(fine + wide.repeat_interleave(2, dim=1)[:, : fine.shape[1]])
        return Embedding(
            pooled=pooled,
            frames=self.dropout(frames),
            mask=quarter_mask,
            frame_rate=self.frame_rate,
            layers=tuple(layers),
        )
