"""Encoder for pretraining: a convolutional stem, then gated transformer blocks with rotary positions, for any length.

Rotary positions, RMS norm, gated layers without biases and alternating local attention follow the description of SLAP (its sizes and
weights are not published; the sizes here are our own). A convolutional stem trains faster on little data (Xiao et al. 2021,
arXiv:2106.14881). The input is gain-invariant: levels relative to the loudest band of the clip.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from auricle.core.config import Strict
from auricle.core.errors import ModelError
from auricle.models.encoders.embedding import Embedding
from auricle.nn.conv import ConvNorm, apply_mask, pad_frames, strided_mask
from auricle.nn.gated import GatedBlock, Rotary, local_mask
from auricle.nn.pooling import RampPooling, mean_max

Size = Annotated[int, Field(gt=0)]

#: Frames of features per token.
_STRIDE = 4
_SILENCE = -200.0  # dB


class GatedConfig(Strict):
    """Sizes of the encoder. frame_rate, mels: of the front-end. stem: channels of its five convolutions.

    hidden: width between a block's linear layers. reach: attention span in tokens of every second block, 0 for global attention.
    range_db: dynamic range below the clip's peak. ordered: add ramp pooling to the pooled vector. labels: K of a head over the pooled
    vector, 0 for none.
    """

    family: Literal["gated"] = "gated"
    frontend: str = "auricle-16k"
    frame_rate: Annotated[float, Field(gt=0)] = 50.0
    mels: Size = 64
    stem: tuple[Size, Size, Size, Size, Size] = (32, 64, 96, 128, 192)
    width: Size = 256
    depth: Size = 4
    heads: Size = 4
    hidden: Size = 512
    reach: Annotated[int, Field(ge=0)] = 0
    range_db: Annotated[float, Field(gt=0)] = 80.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    ordered: bool = False
    labels: Annotated[int, Field(ge=0)] = 0


class Gated(nn.Module):
    """Log-mel dB (B, T, F) -> Embedding of ceil(T / 4) frames; pooled is their mean plus maximum, plus RampPooling if `ordered`."""

    Config = GatedConfig

    def __init__(self, config: GatedConfig) -> None:
        super().__init__()
        if config.width % (2 * config.heads) or config.mels % 32:
            raise ModelError(
                f"width {config.width}, {config.heads} heads, {config.mels} mels; wanted an even width per head, and a multiple of 32 mels"
            )
        self.config = config
        self.frontend, self.size, self.labels = config.frontend, config.width, config.labels
        one, two, three, four, five = config.stem
        self.stem = nn.ModuleList(
            [
                ConvNorm(1, one, kernel=5, stride=(2, 2)),
                ConvNorm(one, two, stride=(2, 2)),
                ConvNorm(two, three, stride=(1, 2)),
                ConvNorm(three, four, stride=(1, 2)),
                ConvNorm(four, five, stride=(1, 2)),
            ]
        )
        self.tokens = nn.Linear(five * config.mels // 32, config.width)
        self.rotary = Rotary(config.width // config.heads)
        self.blocks = nn.ModuleList(
            GatedBlock(config.width, config.heads, hidden=config.hidden, dropout=config.dropout) for _ in range(config.depth)
        )
        self.norm = nn.RMSNorm(config.width)
        self.drift = RampPooling(config.width) if config.ordered else None
        self.head = nn.Linear(config.width, config.labels) if config.labels else None

    def embed_tokens(self, features: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """features (B, T, F), mask (B, T) to tokens (B, L, D) and their mask (B, L), the input of the first block."""
        features, mask = pad_frames(features, mask, frames=_STRIDE, silence=_SILENCE)
        real = features if mask is None else features.masked_fill(~mask[:, :, None], _SILENCE)
        peak = real.amax(dim=(1, 2), keepdim=True)
        x = apply_mask((2.0 * ((real - peak) / self.config.range_db + 1.0).clamp(min=0.0) - 1.0)[:, None], mask)
        if x.is_cpu:
            x = x.contiguous(memory_format=torch.channels_last)
        for index, block in enumerate(self.stem):
            mask = strided_mask(mask, 2 if index < 2 else 1)
            x = apply_mask(block(x), mask)
        return self.tokens(x.transpose(1, 2).flatten(2)), mask

    def transform(self, tokens: Tensor, mask: Tensor | None, *, with_layers: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Tokens (B, L, D) and mask to output states (B, L, D), and with_layers those before the first and after each block."""
        x, length = tokens, tokens.shape[1]
        rotations = self.rotary.rotations(torch.arange(length, device=x.device, dtype=torch.float32)[:, None])
        real = None if mask is None else mask[:, None, None, :]
        local = local_mask(length, self.config.reach, x.device)[None, None] if self.config.reach else None
        states = [x] if with_layers else []
        for index, block in enumerate(self.blocks):
            visible = real
            if local is not None and index % 2 == 0:  # a token always attends to itself, so that no row is empty
                visible = local if real is None else (local & real) | torch.eye(length, dtype=torch.bool, device=x.device)
            x = block(x, rotations, mask=visible)
            if with_layers:
                states.append(x)
        return self.norm(x), tuple(states)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features dB (B, T, F); mask (B, T), True for real frames. layers: tokens before the first and after each block."""
        tokens, mask = self.embed_tokens(features, mask)
        x, states = self.transform(tokens, mask, with_layers=with_layers)
        pooled = mean_max(x, mask)
        if self.drift is not None:
            pooled = pooled + self.drift(x, mask)
        clip = None if self.head is None else self.head(pooled)
        return Embedding(pooled, x, mask, self.config.frame_rate / _STRIDE, clip_logits=clip, layers=states)
