"""Encoder of Whisper: two convolutions over 30 s of log-mel, sinusoidal positions, and pre-norm transformer blocks.

Radford et al. 2022, arXiv:2212.04356; layers from openai/whisper, whisper/model.py (MIT).
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import Strict
from auricle.models.encoders.embedding import Embedding
from auricle.nn.attention import Attention
from auricle.nn.conv import strided_mask
from auricle.nn.pooling import masked_mean
from auricle.nn.position import sincos
from auricle.nn.transformer import Block

Size = Annotated[int, Field(gt=0)]

#: In features (log10 of power, plus 4, over 4): dynamic range below a clip's peak, and the value of digital silence.
_RANGE, _SILENCE = 2.0, -1.5


class WhisperConfig(Strict):
    """Sizes of the encoder. frames: T to which every input is padded; the encoder returns half as many."""

    family: Literal["whisper"] = "whisper"
    frontend: str = "whisper-80"
    frame_rate: Annotated[float, Field(gt=0)] = 100.0
    mels: Size = 80
    width: Size = 512
    depth: Size = 6
    heads: Size = 8
    frames: Size = 3000


class WhisperEncoder(nn.Module):
    """Log-mel (B, T, F) -> Embedding of ceil(T / 2) frames; pooled is the mean of the real ones.

    Real frames are those of the mask. Of an unmasked clip of 30 s, which the front-end may have padded, they end with the last frame
    above the front-end's floor. All frames attend to each other, silence included, as published.
    """

    Config = WhisperConfig
    positions: Tensor

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend, self.size, self.labels = config.frontend, config.width, 0
        self.conv1 = nn.Conv1d(config.mels, config.width, 3, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        count = (config.frames + 1) // 2
        self.register_buffer("positions", sincos(torch.arange(count), config.width, closed=True))
        self.blocks = nn.ModuleList(
            Block(Attention(config.width, config.heads), config.width, hidden=4 * config.width, epsilon=1e-5) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features (B, T, F); mask (B, T), True for real frames. layers: states before the first and after each block."""
        features, mask = features[:, : self.config.frames], None if mask is None else mask[:, : self.config.frames]
        x = functional.gelu(self.conv1(self._pad_silence(features, mask).transpose(1, 2)))
        x = functional.gelu(self.conv2(x)).transpose(1, 2) + self.positions
        states = [x]
        for block in self.blocks:
            states.append(block(states[-1]))
        frames = self.norm(states[-1])[:, : (features.shape[1] + 1) // 2]
        halved = strided_mask(_real(features, mask) if features.shape[1] == self.config.frames else mask, 2)
        return Embedding(
            pooled=masked_mean(frames, halved),
            frames=frames,
            mask=halved,
            frame_rate=self.config.frame_rate / 2,
            layers=tuple(states) if with_layers else (),
        )

    def _pad_silence(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Pad features to 30 s (B, frames, F) with the front-end's features of silence after the clip."""
        missing = self.config.frames - features.shape[1]
        real = torch.ones_like(features[:, :, :1], dtype=torch.bool) if mask is None else mask[:, :, None]
        if mask is None and missing == 0:
            return features
        peak = features.masked_fill(~real, -torch.inf).amax(dim=(1, 2), keepdim=True)
        silence = (peak - _RANGE).clamp(min=_SILENCE)
        features = functional.pad(features, (0, 0, 0, missing))
        return torch.where(functional.pad(real, (0, 0, 0, missing)), features, silence)


def _real(features: Tensor, mask: Tensor | None) -> Tensor:
    """Mask (B, T) of real frames of 30 s; an unmasked clip ends with its last frame that has a band above the clip's minimum.

    The first frame is always real.
    """
    loud = features.amax(dim=2) > features.amin(dim=(1, 2))[:, None]
    loud = loud | (torch.arange(loud.shape[1], device=loud.device) == 0)
    real = loud.int().flip(1).cumsum(1).flip(1) > 0
    return real if mask is None else torch.where(mask.all(dim=1, keepdim=True), real, mask)
