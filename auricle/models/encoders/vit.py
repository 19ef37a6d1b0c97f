"""Vision transformers over log-mel patches: AST, SSAST and Audio-MAE, which differ in patches, position embeddings and pooling.

AST (Gong et al. 2021, arXiv:2104.01778): mean of two leading tokens. SSAST (Gong et al. 2022, arXiv:2110.09784): mean of the patches.
Audio-MAE (Huang et al. 2022, arXiv:2207.06405): mean of the patches, then layer norm.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import Strict
from auricle.core.errors import ModelError
from auricle.models.encoders.embedding import Embedding
from auricle.nn.attention import Attention
from auricle.nn.patch import Patches, patch_grid
from auricle.nn.position import resize_positions, sincos_grid
from auricle.nn.transformer import Block

Size = Annotated[int, Field(gt=0)]
Pair = tuple[Size, Size]


class ViTConfig(Strict):
    """Sizes of the encoder; pairs are (time, frequency).

    hidden: width between the two linear layers of a block. leading: number of tokens before the patches (class tokens). frames: T to
    which every input is padded with `fill` or truncated, as published. grid: of the position table, where the weights were trained with
    another number of frames. pooling: mean of the leading tokens or of the patches. norm: last norm before or after pooling. head: layer
    norm and linear layer, or linear layer only. scale, shift: applied to the front-end's features, for checkpoints with their own
    statistics.
    """

    family: Literal["vit"] = "vit"
    frontend: str = "kaldi-ast"
    frame_rate: Annotated[float, Field(gt=0)] = 100.0
    width: Size = 768
    depth: Size = 12
    heads: Size = 12
    hidden: Size = 3072
    leading: Size = 2
    patch: Pair = (16, 16)
    stride: Pair = (10, 10)
    frames: Size = 1024
    bands: Size = 128
    grid: Pair | None = None
    positions: Literal["learned", "sincos"] = "learned"
    pooling: Literal["leading", "patches"] = "leading"
    norm: Literal["before", "after"] = "before"
    head: Literal["norm", "linear"] = "norm"
    epsilon: float = 1e-6
    head_epsilon: float = 1e-5
    fill: float = 0.467034
    scale: float = 1.0
    shift: float = 0.0
    labels: Annotated[int, Field(ge=0)] = 0


class Positions(nn.Module):
    """Position embeddings of the leading tokens and of the patches of a grid (time, frequency).

    A table of another grid is cropped or interpolated. A sinusoidal table is not trained, but is part of the weights.
    """

    def __init__(self, config: ViTConfig, wanted: Pair) -> None:
        super().__init__()
        self.leading, self.wanted = config.leading, wanted
        self.grid = config.grid or wanted
        table = torch.zeros(1, config.leading + self.grid[0] * self.grid[1], config.width)
        self.table: Tensor
        if config.positions == "learned":
            self.table = nn.Parameter(nn.init.trunc_normal_(table, std=0.02))
        else:
            table[0, config.leading :] = sincos_grid(*self.grid, config.width)
            self.register_buffer("table", table)

    def forward(self) -> Tensor:
        """The table of the wanted grid, (1, leading + T' * F', D)."""
        if self.grid == self.wanted:
            return self.table
        resized = resize_positions(self.table[:, self.leading :], self.grid, self.wanted)
        return torch.cat([self.table[:, : self.leading], resized], dim=1)


class ViT(nn.Module):
    """Normalised log-mel (B, T, F) -> Embedding: frames are the patches' states, averaged over frequency."""

    Config = ViTConfig

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend, self.size, self.labels = config.frontend, config.width, config.labels
        self.grid = patch_grid(config.frames, config.bands, size=config.patch, stride=config.stride)
        if min(self.grid) < 1 or config.width % config.heads:
            raise ModelError(
                f"{config.frames} frames of {config.bands} bands are smaller than a patch of {config.patch}, or width {config.width} "
                f"is not divisible by {config.heads} heads; wanted sizes that fit together"
            )
        self.patches = Patches(config.width, config.patch, stride=config.stride)
        self.leading = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, config.leading, config.width), std=0.02))
        self.positions = Positions(config, self.grid)
        self.blocks = nn.ModuleList(
            Block(Attention(config.width, config.heads), config.width, hidden=config.hidden, epsilon=config.epsilon)
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width, eps=config.epsilon)
        self.head: nn.Module | None = None
        if config.labels:
            linear = nn.Linear(config.width, config.labels)
            before = nn.LayerNorm(config.width, eps=config.head_epsilon)
            self.head = linear if config.head == "linear" else nn.Sequential(before, linear)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features (B, T, F); mask (B, T), True for real frames. layers: tokens before the first and after each block."""
        config = self.config
        x = self.patches(self._fit_length(features, mask))
        x = torch.cat([self.leading.expand(x.shape[0], -1, -1), x], dim=1) + self.positions()
        states = [x]
        for block in self.blocks:
            x = block(x)
            states.append(x)
        if config.norm == "before":
            x = self.norm(x)
        patches = x[:, config.leading :]
        pooled = (x[:, : config.leading] if config.pooling == "leading" else patches).mean(dim=1)
        if config.norm == "after":
            pooled = self.norm(pooled)
        length = min(-(-features.shape[1] // config.stride[0]), self.grid[0])  # later patches contain padding only
        return Embedding(
            pooled=pooled,
            frames=patches.unflatten(1, self.grid).mean(dim=2)[:, :length],
            mask=None if mask is None else mask[:, :: config.stride[0]][:, :length],
            frame_rate=config.frame_rate / config.stride[0],
            clip_logits=None if self.head is None else self.head(pooled),
            layers=tuple(states) if with_layers else (),
        )

    def _fit_length(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Pad with `fill`, as the published code does, or truncate features to (B, frames, F)."""
        config = self.config
        if mask is not None:
            features = features.masked_fill(~mask[:, :, None], config.fill)
        missing = config.frames - features.shape[1]
        features = functional.pad(features, (0, 0, 0, missing), value=config.fill)  # a negative number truncates
        return features if (config.scale, config.shift) == (1.0, 0.0) else features * config.scale + config.shift
