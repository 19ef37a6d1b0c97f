"""MobileNets of EfficientAT: MobileNetV3-Large over log-mel, of any width, distilled from transformers.

Schmid et al. 2022, arXiv:2211.04772; Howard et al. 2019, arXiv:1905.02244, table 1; shapes from fschmid56/EfficientAT, models/mn (MIT).
Here time comes before frequency; conversion transposes the kernels.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import Strict
from auricle.models.encoders.embedding import Embedding
from auricle.nn.conv import ConvNorm, apply_mask, as_image, strided_mask
from auricle.nn.pooling import masked_mean
from auricle.nn.squeeze import SqueezeExcitation, round_channels
from auricle.signal.frontend import open_frontend

_EPS = 1e-3  # of every norm


class MobileNetConfig(Strict):
    """Sizes. width: width multiplier of MobileNetV3-Large. strides: of the four downsampling blocks.

    head: 'mlp', 'convolutional' (frame logits) or 'attention' with `heads` heads.
    """

    family: Literal["mobilenet"] = "mobilenet"
    frontend: str = "mobilenet-32k"
    mels: int = 128
    width: float = 1.0
    strides: tuple[int, int, int, int] = (2, 2, 2, 2)
    head: Literal["mlp", "convolutional", "attention"] = "mlp"
    heads: int = 4
    labels: int = 527


class Row(NamedTuple):
    """Sizes of a block: kernel, inner and output channels, squeeze-and-excitation, hard swish (or ReLU), stride."""

    kernel: int
    inside: int
    outputs: int
    squeeze: bool
    hard: bool
    stride: int


#: MobileNetV3-Large at width 1. stride is an index into the config's four strides, or -1 for stride one.
_LARGE = (
    Row(3, 16, 16, False, False, -1),
    Row(3, 64, 24, False, False, 0),
    Row(3, 72, 24, False, False, -1),
    Row(5, 72, 40, True, False, 1),
    Row(5, 120, 40, True, False, -1),
    Row(5, 120, 40, True, False, -1),
    Row(3, 240, 80, False, True, 2),
    Row(3, 200, 80, False, True, -1),
    Row(3, 184, 80, False, True, -1),
    Row(3, 184, 80, False, True, -1),
    Row(3, 480, 112, True, True, -1),
    Row(3, 672, 112, True, True, -1),
    Row(5, 672, 160, True, True, 3),
    Row(5, 960, 160, True, True, -1),
    Row(5, 960, 160, True, True, -1),
)
_STEM, _HIDDEN = 16, 1280


def rows(width: float, strides: tuple[int, int, int, int] = (2, 2, 2, 2)) -> list[Row]:
    """The fifteen blocks at this width, with strides filled in."""
    return [
        row._replace(
            inside=round_channels(row.inside * width),
            outputs=round_channels(row.outputs * width),
            stride=1 if row.stride < 0 else strides[row.stride],
        )
        for row in _LARGE
    ]


class _Block(nn.Module):
    """Inverted residual block: expansion, depthwise convolution, optional squeeze-and-excitation, projection, residual."""

    def __init__(self, inputs: int, row: Row) -> None:
        super().__init__()
        self.hard, self.stride = row.hard, row.stride
        self.residual = row.stride == 1 and inputs == row.outputs
        self.expand = ConvNorm(inputs, row.inside, kernel=1, relu=False, eps=_EPS) if row.inside != inputs else None
        stride = (row.stride, row.stride)
        self.depthwise = ConvNorm(row.inside, row.inside, kernel=row.kernel, stride=stride, relu=False, groups=row.inside, eps=_EPS)
        self.squeeze = SqueezeExcitation(row.inside) if row.squeeze else None
        self.project = ConvNorm(row.inside, row.outputs, kernel=1, relu=False, eps=_EPS)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, C, T, F) and (B, T) to (B, C', ceil(T / stride), ceil(F / stride)) and (B, ceil(T / stride))."""
        activation = functional.hardswish if self.hard else functional.relu
        y = x if self.expand is None else activation(self.expand(x))
        y = activation(self.depthwise(apply_mask(y, mask)))
        mask = strided_mask(mask, self.stride)
        if self.squeeze is not None:
            y = self.squeeze(y, mask)
        y = self.project(y)
        return (x + y if self.residual else y), mask


class _MlpHead(nn.Module):
    """A hidden layer and a classifier over the pooled vector."""

    def __init__(self, width: int, hidden: int, labels: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, hidden)
        self.label = nn.Linear(hidden, labels)

    def forward(self, frames: Tensor, pooled: Tensor, mask: Tensor | None) -> tuple[Tensor, None]:
        """frames (B, T, D), pooled (B, D), mask (B, T) to clip logits (B, K) and no frame logits."""
        return self.label(functional.hardswish(self.hidden(pooled))), None


class _ConvolutionalHead(nn.Module):
    """A classifier of frames; clip logits are the mean over time."""

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.label = nn.Linear(width, labels, bias=False)
        self.norm = nn.BatchNorm1d(labels)

    def forward(self, frames: Tensor, pooled: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """frames (B, T, D), pooled (B, D), mask (B, T) to clip logits (B, K) and frame logits (B, T, K)."""
        logits = self.norm(self.label(frames).transpose(1, 2)).transpose(1, 2)
        return masked_mean(logits, mask), logits


class _AttentionHead(nn.Module):
    """Multi-head attention pooling of frame logits (PSLA: Gong et al. 2021, arXiv:2102.01243)."""

    def __init__(self, width: int, labels: int, *, heads: int) -> None:
        super().__init__()
        self.sizes = (2, heads, labels)
        self.project = nn.Linear(width, 2 * heads * labels)
        self.weight = nn.Parameter(torch.full((1, heads, 1), 1.0 / heads))

    def forward(self, frames: Tensor, pooled: Tensor, mask: Tensor | None) -> tuple[Tensor, None]:
        """frames (B, T, D), pooled (B, D), mask (B, T) to clip logits (B, K) and no frame logits."""
        attention, values = self.project(frames).unflatten(-1, self.sizes).unbind(dim=2)  # each (B, T, heads, K)
        attention = attention.sigmoid().clamp(1e-7, 1.0 - 1e-7)
        if mask is not None:
            attention = attention * mask[:, :, None, None].to(attention.dtype)
        clip = (attention * values).sum(dim=1) / attention.sum(dim=1)
        return (clip * self.weight).sum(dim=1), None


class MobileNet(nn.Module):
    """Log-mel (B, T, F) of any length -> Embedding of ceil(T / 32) frames at the published strides."""

    Config = MobileNetConfig

    def __init__(self, config: MobileNetConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend, self.labels = config.frontend, config.labels
        width, self.reduction = round_channels(_STEM * config.width), 2
        self.stem = ConvNorm(1, width, stride=(2, 2), relu=False, eps=_EPS)
        self.blocks = nn.ModuleDict()
        for row in rows(config.width, config.strides):
            self.blocks[str(len(self.blocks) + 1)] = _Block(width, row)
            self.reduction *= row.stride
            width = row.outputs
        self.frame_rate = open_frontend(config.frontend).frame_rate / self.reduction
        self.size = 6 * width
        self.last = ConvNorm(width, self.size, kernel=1, relu=False, eps=_EPS)
        self.head = self._head(config)

    def _head(self, config: MobileNetConfig) -> nn.Module:
        if config.head == "mlp":
            return _MlpHead(self.size, round_channels(_HIDDEN * config.width), config.labels)
        if config.head == "convolutional":
            return _ConvolutionalHead(self.size, config.labels)
        return _AttentionHead(self.size, config.labels, heads=config.heads)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features (B, T, F), scaled by the preset; mask (B, T), True for real frames.

        with_layers: each block's map, mean over frequency. frames are the last map's mean over frequency, pooled is their mean over time.
        """
        x = functional.hardswish(self.stem(as_image(features, mask)))
        mask = strided_mask(mask, 2)
        layers = []
        for block in self.blocks.values():
            x, mask = block(x, mask)
            if with_layers:
                layers.append(x.mean(dim=3).transpose(1, 2))
        frames = apply_mask(functional.hardswish(self.last(x)), mask).mean(dim=3).transpose(1, 2)
        pooled = masked_mean(frames, mask)
        clip_logits, frame_logits = self.head(frames, pooled, mask)
        return Embedding(
            pooled=pooled,
            frames=frames,
            mask=mask,
            frame_rate=self.frame_rate,
            clip_logits=clip_logits,
            frame_logits=frame_logits,
            layers=tuple(layers),
        )
