"""MobileNetV1 and MobileNetV2 of PANNs: depthwise convolutions over log-mel, with average pooling in place of strides.

Kong et al. 2020, arXiv:1912.10211, section III-A5; shapes from qiuqiangkong/audioset_tagging_cnn, pytorch/models.py (MIT).
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import Strict
from auricle.models.encoders.cnn14 import SILENCE
from auricle.models.encoders.embedding import Embedding
from auricle.nn.conv import ConvNorm, apply_mask, as_image, pad_frames, pooled_mask
from auricle.nn.decision import ClipHead
from auricle.signal.frontend import open_frontend


class PannsMobileNetConfig(Strict):
    """Sizes. stages: rows of (expansion, channels, blocks, stride of the first block); expansion is 1 in version 1.

    stem, last: channels of the first convolution and of the last 1 x 1 convolution of version 2 (0: none).
    """

    family: Literal["panns-mobilenet"] = "panns-mobilenet"
    frontend: str = "panns-32k"
    mels: int = 64
    version: Literal[1, 2] = 1
    stem: int = 32
    stages: tuple[tuple[int, int, int, int], ...]
    last: int = 0
    size: int = 1024
    labels: int = 527


class _Block(nn.Module):
    """Optional expansion, depthwise convolution, average pooling, projection; version 2 has residual connections where shapes match."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, stride: int, version: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.version, self.stride = version, stride
        self.residual = version == 2 and stride == 1 and inputs == outputs
        self.expand = ConvNorm(inputs, width, kernel=1, relu=False) if expansion > 1 else None
        self.depthwise = ConvNorm(width, width, relu=False, groups=width)
        self.project = ConvNorm(width, outputs, kernel=1, relu=version == 1)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, C, T, F) and (B, T) to (B, C', T // stride, F // stride) and (B, T // stride)."""
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.depthwise(apply_mask(y, mask))
        # The published code pools before the norm. With fixed statistics both orders are equal; here the norm can be folded.
        y = y if self.stride == 1 else functional.avg_pool2d(y, self.stride)
        y = self.project(functional.relu(y) if self.version == 1 else functional.relu6(y))
        return (x + y if self.residual else y), pooled_mask(mask, self.stride)


class PannsMobileNet(nn.Module):
    """Log-mel dB (B, T, F) -> Embedding of T // 32 frames. Shorter clips are padded with silence to one frame."""

    Config = PannsMobileNetConfig

    def __init__(self, config: PannsMobileNetConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend, self.size, self.labels = config.frontend, config.size, config.labels
        self.bands = nn.BatchNorm1d(config.mels)
        self.stem = ConvNorm(1, config.stem, relu=False)
        self.blocks = nn.ModuleDict()
        width, self.reduction = config.stem, 2
        for expansion, outputs, count, stride in config.stages:
            for index in range(count):
                step = stride if index == 0 else 1
                block = _Block(width, outputs, expansion=expansion, stride=step, version=config.version)
                self.blocks[str(len(self.blocks) + 1)] = block
                width, self.reduction = outputs, self.reduction * step
        self.frame_rate = open_frontend(config.frontend).frame_rate / self.reduction
        self.last = ConvNorm(width, config.last, kernel=1, relu=False) if config.last else None
        self.head = ClipHead(config.last or width, config.size, config.labels)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features dB (B, T, F); mask (B, T), True for real frames; with_layers: each block's map, mean over frequency."""
        x, mask = pad_frames(features, mask, frames=self.reduction, silence=SILENCE)
        x = as_image(self.bands(x.transpose(1, 2)).transpose(1, 2), mask)
        x, mask = functional.avg_pool2d(self.stem(x), 2), pooled_mask(mask, 2)
        x = functional.relu(x) if self.config.version == 1 else functional.relu6(x)
        layers = []
        for block in self.blocks.values():
            x, mask = block(x, mask)
            if with_layers:
                layers.append(x.mean(dim=3).transpose(1, 2))
        if self.last is not None:
            x = functional.relu6(self.last(x))
        pooled, frames, clip, _ = self.head(apply_mask(x, mask).mean(dim=3).transpose(1, 2), mask)
        return Embedding(pooled=pooled, frames=frames, mask=mask, frame_rate=self.frame_rate, clip_logits=clip, layers=tuple(layers))
