"""Speech encoders over the waveform: wav2vec 2.0, HuBERT and WavLM, which differ in norms and position embeddings.

Baevski et al. 2020 (arXiv:2006.11477), Hsu et al. 2021 (arXiv:2106.07447), Chen et al. 2021 (arXiv:2110.13900); layers as in
transformers, whose format the published weights have.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import Strict
from auricle.models.encoders.embedding import Embedding
from auricle.nn.pooling import masked_mean
from auricle.nn.transformer import Trunk, TrunkSizes

Size = Annotated[int, Field(gt=0)]


class SpeechConfig(Strict):
    """Sizes of the encoder.

    conv_widths, kernels, strides, conv_bias: of the convolutions over the waveform. conv_norm: 'group' normalises each channel of the
    first one over the clip, 'layer' normalises all of them over channels. project_norm: layer norm before the projection to `width`.
    first, conv, groups, farthest: norm_first, conv_kernel, conv_groups and max_distance of nn.transformer.TrunkSizes, as are the others.
    """

    family: Literal["speech"] = "speech"
    frontend: Literal["raw-16k", "raw-16k-normal"] = "raw-16k"
    rate: Size = 16000
    conv_widths: tuple[Size, ...] = (512,) * 7
    kernels: tuple[Size, ...] = (10, 3, 3, 3, 3, 2, 2)
    strides: tuple[Size, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    conv_norm: Literal["group", "layer"] = "group"
    project_norm: bool = True
    width: Size = 768
    depth: Size = 12
    heads: Size = 12
    hidden: Size = 3072
    epsilon: float = 1e-5
    first: bool = False
    conv: Size = 128
    groups: Size = 16
    buckets: Annotated[int, Field(ge=0)] = 0
    farthest: Size = 800
    gate: Literal["none", "input"] = "none"

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if not len(self.conv_widths) == len(self.kernels) == len(self.strides):
            raise ValueError("conv_widths, kernels and strides differ in length")
        return self


class ClipNorm(nn.Module):
    """Group norm with one group per channel, over the real samples of each clip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, C, N) with mask (B, N) to (B, C, N)."""
        if mask is None:
            return functional.group_norm(x, self.width, self.weight, self.bias)
        real = mask[:, None].to(x.dtype)
        count = real.sum(dim=2, keepdim=True).clamp(min=1.0)
        centred = x - (x * real).sum(dim=2, keepdim=True) / count
        variance = (centred.square() * real).sum(dim=2, keepdim=True) / count
        return centred * torch.rsqrt(variance + 1e-5) * self.weight[:, None] + self.bias[:, None]


class Stem(nn.Module):
    """Convolutions over the waveform, each with optional norm and GELU."""

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        self.kernels, self.strides = config.kernels, config.strides
        inputs = (1, *config.conv_widths[:-1])
        self.convs = nn.ModuleList(
            nn.Conv1d(*shape, bias=config.conv_bias)
            for shape in zip(inputs, config.conv_widths, config.kernels, config.strides, strict=True)
        )
        layered = config.conv_norm == "layer"
        self.clip_norm = None if layered else ClipNorm(config.conv_widths[0])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for width in config.conv_widths] if layered else [])
        #: Receptive field and hop of a frame, in samples.
        self.field = 1 + sum((kernel - 1) * math.prod(self.strides[:index]) for index, kernel in enumerate(self.kernels))
        self.hop = math.prod(self.strides)

    def forward(self, samples: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Samples (B, N), N >= field, and mask to frames (B, T, C) and their mask: real where the whole receptive field is."""
        x = samples[:, None]
        count = None if mask is None else mask.sum(dim=1).clamp(min=self.field)  # padding of a shorter clip counts as real
        for index, conv in enumerate(self.convs):
            x = conv(x)
            if count is not None:
                count = (count - self.kernels[index]) // self.strides[index] + 1
            if index == 0 and self.clip_norm is not None:
                x = self.clip_norm(x, _length_mask(count, x.shape[2]))
            elif len(self.norms):
                x = self.norms[index](x.transpose(1, 2)).transpose(1, 2)
            x = functional.gelu(x)
        return x.transpose(1, 2), _length_mask(count, x.shape[2])


def _length_mask(count: Tensor | None, length: int) -> Tensor | None:
    """Mask (B, length) whose first `count` (B,) entries are True."""
    return None if count is None else torch.arange(length, device=count.device) < count[:, None]


class SpeechEncoder(nn.Module):
    """Waveforms (B, N) at 16 kHz, of any length -> Embedding of 50 frames per second."""

    Config = SpeechConfig

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend, self.size, self.labels = config.frontend, config.width, 0
        self.stem = Stem(config)
        self.norm = nn.LayerNorm(config.conv_widths[-1], eps=config.epsilon) if config.project_norm else None
        self.project = nn.Linear(config.conv_widths[-1], config.width)
        self.trunk = Trunk(
            TrunkSizes(
                width=config.width,
                depth=config.depth,
                heads=config.heads,
                hidden=config.hidden,
                epsilon=config.epsilon,
                norm_first=config.first,
                conv_kernel=config.conv,
                conv_groups=config.groups,
                buckets=config.buckets,
                max_distance=config.farthest,
                gate=config.gate,
            )
        )

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features: waveforms (B, N); mask (B, N), True for real samples. layers: states before the first and after each block."""
        if mask is not None:
            features = features * mask
        missing = self.stem.field - features.shape[1]
        if missing > 0:
            features = functional.pad(features, (0, missing))
            mask = None if mask is None else functional.pad(mask, (0, missing))
        x, frames_mask = self.stem(features, mask)
        x = self.project(x if self.norm is None else self.norm(x))
        x, states = self.trunk(x, frames_mask)
        return Embedding(
            pooled=masked_mean(x, frames_mask),
            frames=x,
            mask=frames_mask,
            frame_rate=self.config.rate / self.stem.hop,
            layers=states if with_layers else (),
        )
