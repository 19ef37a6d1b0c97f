"""HTS-AT: a Swin transformer over a log-mel folded into a square (Chen et al. 2022, arXiv:2202.00874; RetroCirce/HTS-Audio-Transformer).

1024 frames of 64 bands become four pieces of 256 frames, one under another: a picture of 256 x 256, cut into patches of 4 x 4.
With `fusion` it is the encoder of LAION-CLAP for long sounds (Wu et al. 2023, arXiv:2211.06687, section 3.3): four log-mels in, the
whole shrunk and three stretches of it.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import Strict
from auricle.core.errors import InputError, ModelError
from auricle.models.encoders.embedding import Embedding
from auricle.nn.window_attention import WindowAttention, raster_index, shift_index, shift_mask, zcurve
from auricle.signal.frontend import PRESETS

#: Frames and bands of a patch; the stretches of a fused log-mel have patches three times as long.
_PATCH, _LONG = 4, 12
_CUBIC = -0.75  # the free coefficient of cubic interpolation in torch, which the weights have seen


class HtsatConfig(Strict):
    """Sizes. width: of the first stage, doubled by each later one. depths, heads: a number for each stage. side: of the picture.

    labels: K of the tagging head, 0 for none. fusion: whether long sounds come as four log-mels.
    """

    family: Literal["htsat"] = "htsat"
    frontend: str = "panns-32k"
    width: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    window: int = 8
    mels: int = 64
    side: int = 256
    labels: int = Field(default=0, ge=0)
    fusion: bool = False
    fusion_ratio: int = 4

    def check(self) -> None:
        """ModelError where the sizes do not fit each other."""
        if self.frontend not in PRESETS:
            raise ModelError(f"htsat: front-end {self.frontend!r} is unknown; wanted one of {', '.join(PRESETS)}")
        last = self.side // _PATCH >> (len(self.depths) - 1)
        if len(self.depths) != len(self.heads) or not self.depths:
            raise ModelError(f"htsat: {len(self.depths)} depths and {len(self.heads)} heads; wanted as many of one as of the other")
        if last < 1 or last & (last - 1) or last % (self.side // self.mels) or self.window % 4 or self.window & (self.window - 1):
            raise ModelError(
                f"htsat: a side of {self.side} with {self.mels} bands and windows of {self.window} does not fold; wanted powers of two"
            )


class Block(nn.Module):
    """Attention in windows and two wide layers, each after a layer norm and around a skip."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, parted: Tensor | None) -> Tensor:
        """(B, L, D) to (B, L, D), on the Z-curve."""
        x = x + self.attention(self.norm1(x), parted)
        x = x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return x


class Merge(nn.Module):
    """Each square of four tokens becomes one of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) to (B, L / 4, 2 D)."""
        merged: Tensor = self.reduction(self.norm(x.reshape(x.shape[0], -1, 4 * x.shape[2])))
        return merged


class Stage(nn.Module):
    """Blocks at one resolution; every second one sees the picture shifted by half a window, so that windows overlap."""

    there: Tensor
    back: Tensor
    parted: Tensor

    def __init__(self, config: HtsatConfig, index: int) -> None:
        super().__init__()
        side = config.side // _PATCH >> index
        width = config.width << index
        window = min(config.window, side)
        self.shifts = side > config.window
        self.quarter = (window // 2) ** 2
        self.blocks = nn.ModuleList([Block(width, config.heads[index], window) for _ in range(config.depths[index])])
        self.merge = Merge(width) if index + 1 < len(config.depths) else None
        there = shift_index(side // (window // 2)) if self.shifts else torch.zeros(0, dtype=torch.long)
        self.register_buffer("there", there, persistent=False)
        self.register_buffer("back", torch.argsort(there), persistent=False)
        self.register_buffer("parted", shift_mask(side, window) if self.shifts else torch.zeros(0), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, D) to the same before the merge, where it may still be shifted, and to the next stage's (B, L / 4, 2 D)."""
        moved = False
        for place, block in enumerate(self.blocks):
            if self.shifts and moved != bool(place % 2):
                x = _move(x, self.back if moved else self.there, self.quarter)
                moved = not moved
            x = block(x, self.parted if moved else None)
        inside = x
        if self.merge is not None:
            x = self.merge(x)
        if moved:  # after the merge there is half as much to move
            x = _move(x, self.back, self.quarter if self.merge is None else self.quarter // 4)
        return inside, x

    def unmoved(self, inside: Tensor) -> Tensor:
        """What forward gave first, (B, L, D), with a shift of its last block undone."""
        last_moved = self.shifts and len(self.blocks) % 2 == 0
        return _move(inside, self.back, self.quarter) if last_moved else inside


def _move(x: Tensor, index: Tensor, run: int) -> Tensor:
    """x (B, L, D) with its runs of so many tokens put in the order of index."""
    return x.reshape(x.shape[0], -1, run * x.shape[2]).index_select(1, index).reshape(x.shape)


class Fusion(nn.Module):
    """Attentional feature fusion of two pictures (Dai et al. 2021, arXiv:2009.14082): a weight for each channel of each token."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        inner = width // ratio
        self.local1, self.local_norm1 = nn.Linear(width, inner), nn.BatchNorm1d(inner)
        self.local2, self.local_norm2 = nn.Linear(inner, width), nn.BatchNorm1d(width)
        self.whole1, self.whole_norm1 = nn.Linear(width, inner), nn.BatchNorm1d(inner)
        self.whole2, self.whole_norm2 = nn.Linear(inner, width), nn.BatchNorm1d(width)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Two pictures (B, L, D) to one."""
        both = x + other
        flat = both.reshape(-1, both.shape[2])
        local = self.local_norm2(self.local2(functional.relu(self.local_norm1(self.local1(flat))))).view_as(both)
        whole = self.whole_norm2(self.whole2(functional.relu(self.whole_norm1(self.whole1(both.mean(dim=1))))))
        weight = torch.sigmoid(local + whole[:, None])
        return 2 * (x * weight + other * (1 - weight))


class Patches(nn.Module):
    """Log-mels of as many frames as the picture has room for, in tokens on the Z-curve: 4 bands of 4 frames each."""

    order: Tensor

    def __init__(self, config: HtsatConfig) -> None:
        super().__init__()
        self.pieces, self.side, self.grid = config.side // config.mels, config.side, config.side // _PATCH
        self.proj = nn.Linear(_PATCH * _PATCH, config.width)
        self.norm = nn.LayerNorm(config.width)
        self.long = nn.Linear(_PATCH * _LONG, config.width) if config.fusion else None
        self.fusion = Fusion(config.width, config.fusion_ratio) if config.fusion else None
        row, column = zcurve(self.grid).unbind(1)
        self.register_buffer("order", row * self.grid + column, persistent=False)

    def _cut(self, x: Tensor, frames: int) -> Tensor:
        """(N, T, F) to patches of so many frames, (N, rows, columns, 4 * frames), band by band."""
        count, columns, rows = x.shape[0], self.side // frames, x.shape[2] // _PATCH
        x = x.reshape(count, self.pieces, self.side, -1)[:, :, : columns * frames]
        x = x.reshape(count, self.pieces, columns, frames, rows, _PATCH).permute(0, 1, 4, 2, 5, 3)
        return x.reshape(count, self.pieces * rows, columns, _PATCH * frames)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, F), or (B, 4, T, F) where there is fusion, to tokens (B, L, D)."""
        if self.long is None or self.fusion is None:
            x = self._cut(x, _PATCH).flatten(1, 2).index_select(1, self.order)  # narrow as they are, tokens are cheap to move
            x = self.norm(self.proj(x))
            return x
        whole = self.proj(self._cut(x[:, 0], _PATCH).flatten(1, 2))
        parts = self.long(self._cut(x[:, 1:].flatten(0, 1), _LONG)).view(
            -1, 3, self.grid, self.side // _LONG, self.norm.weight.shape[0]
        )  # (B, 3, rows, columns, D)
        parts = parts.permute(0, 2, 1, 3, 4).flatten(2, 3)
        parts = functional.pad(parts, (0, 0, 0, self.grid - parts.shape[2])).flatten(1, 2)
        longer = (x[:, 1:] != x[:, :1]).flatten(1).any(dim=1)
        both = torch.where(longer[:, None, None], self.fusion(whole, parts), whole)
        x = self.norm(both).index_select(1, self.order)
        return x


class Htsat(nn.Module):
    """HTS-AT. D is the width of the last stage; frames come at 32 for each filled picture, 3.1 a second for ten seconds of sound."""

    Config = HtsatConfig
    times: Tensor

    def __init__(self, config: HtsatConfig) -> None:
        super().__init__()
        config.check()
        self.config, self.frontend, self.labels = config, config.frontend, config.labels
        self.hops = PRESETS[config.frontend].frame_rate
        self.size = config.width << (len(config.depths) - 1)
        self.longest = config.side * config.side // config.mels
        self.bn0 = nn.BatchNorm1d(config.mels)
        self.patches = Patches(config)
        self.stages = nn.ModuleList([Stage(config, index) for index in range(len(config.depths))])
        self.norm = nn.LayerNorm(self.size)
        grid, pieces = config.side // _PATCH >> (len(config.depths) - 1), config.side // config.mels
        self.bins = grid // pieces
        self.head = nn.Conv2d(self.size, config.labels, (self.bins, 3), padding=(0, 1)) if config.labels else None
        times = raster_index(grid).view(pieces, self.bins, grid).transpose(1, 2)  # (piece, column, bin): time first, then height
        self.register_buffer("times", times.flatten(), persistent=False)

    def _picture(self, features: Tensor) -> Tensor:
        """Features (..., T, F), normalised by band and drawn out to as many frames as the picture has room for."""
        norm, frames = self.bn0, features.shape[-2]  # its statistics stay as published, in training too
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        features = features * scale + (norm.bias - norm.running_mean * scale)
        return features if frames == self.longest else draw_out(features, self.longest)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features (B, T, F), or (B, 4, T, F) with fusion, T at most 1024; mask (B, T), True for real frames, which come first.

        Each clip is resized to the whole picture, so clips of one length run together, without what pads them, and every clip has as many
        frames: their rate differs by clip, and frame_rate is that of the longest. layers: the tokens after the patches and after each
        stage, as rows of the picture.
        """
        if mask is not None:
            return self._by_length(features, mask.sum(dim=1).clamp(min=1), with_layers=with_layers)
        self._check(features)
        states = []
        x = self.patches(self._picture(features))
        if with_layers:
            states.append(x[:, raster_index(self.config.side // _PATCH)])
        for index, stage in enumerate(self.stages):
            assert isinstance(stage, Stage)
            inside, x = stage(x)
            if with_layers:
                states.append(stage.unmoved(inside)[:, raster_index(self.config.side // _PATCH >> index)])
        x = self.norm(x)
        pooled = x.mean(dim=1)
        x = x.index_select(1, self.times).view(x.shape[0], -1, self.bins, self.size)  # (B, T', bins, D)
        logits = None if self.head is None else self.head(x.permute(0, 3, 2, 1))[:, :, 0].transpose(1, 2)
        clip = None if logits is None else logits.mean(dim=1)
        rate = self.hops * x.shape[1] / max(features.shape[-2] - 1, 1)
        return Embedding(pooled, x.mean(dim=2), None, rate, clip_logits=clip, frame_logits=logits, layers=tuple(states))

    def _by_length(self, features: Tensor, lengths: Tensor, *, with_layers: bool) -> Embedding:
        """The Embedding of clips with so many real frames (B,), each as it is alone."""
        rows = [(lengths == length).nonzero()[:, 0] for length in sorted(set(lengths.tolist()))]
        runs = [self.forward(features[each][..., : int(lengths[each[0]]), :], with_layers=with_layers) for each in rows]
        order = torch.cat(rows).argsort()
        names = ("pooled", "frames", *(() if self.head is None else ("clip_logits", "frame_logits")))
        joined: dict[str, Any] = {name: torch.cat([getattr(run, name) for run in runs])[order] for name in names}
        layers = tuple(torch.cat(parts)[order] for parts in zip(*(run.layers for run in runs), strict=True))
        return dataclasses.replace(runs[-1], **joined, layers=layers)

    def _check(self, features: Tensor) -> None:
        wanted = (4,) if self.config.fusion else ()
        shape = tuple(features.shape[1:])
        if len(shape) != len(wanted) + 2 or shape[:-2] != wanted or shape[-1] != self.config.mels:
            named = f"(B, {'4, ' if wanted else ''}T, {self.config.mels})"
            raise InputError(f"htsat got features of shape {tuple(features.shape)}; wanted {named}")
        if shape[-2] > self.longest:
            raise InputError(f"htsat got {shape[-2]} frames; wanted at most {self.longest}: cut the sound into windows")


def draw_out(x: Tensor, frames: int) -> Tensor:
    """x (..., T, F) with its T frames drawn out to so many by cubic interpolation, first on first and last on last."""
    count = x.shape[-2]
    place = torch.arange(frames, device=x.device, dtype=torch.float64) * ((count - 1) / (frames - 1))
    before = place.floor()
    part = (place - before).to(x.dtype)[:, None]
    near, far = (_near(part), _near(1 - part)), (_far(part + 1), _far(2 - part))
    index = before.long()
    drawn = x[..., index, :] * near[0] + x[..., (index + 1).clamp(max=count - 1), :] * near[1]
    drawn = drawn + x[..., (index - 1).clamp(min=0), :] * far[0]
    return drawn + x[..., (index + 2).clamp(max=count - 1), :] * far[1]


def _near(distance: Tensor) -> Tensor:
    """Weight of a frame less than one step away (Keys 1981, equation 15)."""
    return ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance * distance + 1


def _far(distance: Tensor) -> Tensor:
    """Weight of a frame one to two steps away."""
    return ((_CUBIC * distance - 5 * _CUBIC) * distance + 8 * _CUBIC) * distance - 4 * _CUBIC
