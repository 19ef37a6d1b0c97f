"""HTS-AT: a Swin transformer over a log-mel folded into a square (Chen et al. 2022, arXiv:2202.00874; RetroCirce/HTS-Audio-Transformer).

1024 frames of 64 bands are folded into four segments of 256 frames, stacked along frequency: an image of 256 x 256 with 4 x 4 patches.
With `fusion` it is the encoder of LAION-CLAP for long audio (Wu et al. 2023, arXiv:2211.06687, section 3.3): its input are four
log-mels, the whole recording shrunk and three excerpts of it.
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

#: Frames and bands of a patch; patches of the excerpts of a fused log-mel are three times as long.
_PATCH, _LONG = 4, 12
_CUBIC = -0.75  # coefficient of cubic interpolation in torch, with which the weights were trained


class HtsatConfig(Strict):
    """Sizes. width: of the first stage, doubled by each later one. depths, heads: of each stage. side: of the square image.

    labels: K of the tagging head, 0 for none. fusion: long audio is given as four log-mels.
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
        """Raise ModelError where the sizes do not fit each other."""
        if self.frontend not in PRESETS:
            raise ModelError(f"htsat: front-end {self.frontend!r} is unknown; wanted one of {', '.join(PRESETS)}")
        last = self.side // _PATCH >> (len(self.depths) - 1)
        if len(self.depths) != len(self.heads) or not self.depths:
            raise ModelError(f"htsat: {len(self.depths)} depths and {len(self.heads)} heads; wanted one of each per stage")
        if last < 1 or last & (last - 1) or last % (self.side // self.mels) or self.window % 4 or self.window & (self.window - 1):
            raise ModelError(
                f"htsat: a side of {self.side} with {self.mels} bands and windows of {self.window} does not fold; wanted powers of two"
            )


class Block(nn.Module):
    """Swin block: window attention, then two linear layers with GELU, each pre-norm with a residual connection."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, L, D) to (B, L, D), on the Z-curve."""
        x = x + self.attention(self.norm1(x), mask)
        x = x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return x


class Merge(nn.Module):
    """Patch merging: each 2 x 2 square of tokens becomes one of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) to (B, L / 4, 2 D)."""
        merged: Tensor = self.reduction(self.norm(x.reshape(x.shape[0], -1, 4 * x.shape[2])))
        return merged


class Stage(nn.Module):
    """Blocks at one resolution; every second one has windows shifted by half their size."""

    shift_order: Tensor
    unshift_order: Tensor
    mask: Tensor

    def __init__(self, config: HtsatConfig, index: int) -> None:
        super().__init__()
        side = config.side // _PATCH >> index
        width = config.width << index
        window = min(config.window, side)
        self.shifts = side > config.window
        self.quarter = (window // 2) ** 2
        self.blocks = nn.ModuleList([Block(width, config.heads[index], window) for _ in range(config.depths[index])])
        self.merge = Merge(width) if index + 1 < len(config.depths) else None
        shift_order = shift_index(side // (window // 2)) if self.shifts else torch.zeros(0, dtype=torch.long)
        self.register_buffer("shift_order", shift_order, persistent=False)
        self.register_buffer("unshift_order", torch.argsort(shift_order), persistent=False)
        self.register_buffer("mask", shift_mask(side, window) if self.shifts else torch.zeros(0), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, D) to the states before merging, which may still be shifted, and to the next stage's input (B, L / 4, 2 D)."""
        shifted = False
        for index, block in enumerate(self.blocks):
            if self.shifts and shifted != bool(index % 2):
                x = _reorder(x, self.unshift_order if shifted else self.shift_order, self.quarter)
                shifted = not shifted
            x = block(x, self.mask if shifted else None)
        states = x
        if self.merge is not None:
            x = self.merge(x)
        if shifted:  # undone after merging, where it moves half the data
            x = _reorder(x, self.unshift_order, self.quarter if self.merge is None else self.quarter // 4)
        return states, x

    def unshift(self, states: Tensor) -> Tensor:
        """The first output of forward, (B, L, D), with the shift of the last block undone."""
        last_shifted = self.shifts and len(self.blocks) % 2 == 0
        return _reorder(states, self.unshift_order, self.quarter) if last_shifted else states


def _reorder(x: Tensor, index: Tensor, run: int) -> Tensor:
    """Reorder contiguous runs of `run` tokens of x (B, L, D) by index."""
    return x.reshape(x.shape[0], -1, run * x.shape[2]).index_select(1, index).reshape(x.shape)


class Fusion(nn.Module):
    """Attentional feature fusion of two images (Dai et al. 2021, arXiv:2009.14082): a weight for each channel of each token."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        inner = width // ratio
        self.local1, self.local_norm1 = nn.Linear(width, inner), nn.BatchNorm1d(inner)
        self.local2, self.local_norm2 = nn.Linear(inner, width), nn.BatchNorm1d(width)
        self.whole1, self.whole_norm1 = nn.Linear(width, inner), nn.BatchNorm1d(inner)
        self.whole2, self.whole_norm2 = nn.Linear(inner, width), nn.BatchNorm1d(width)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Two images (B, L, D) to one."""
        both = x + other
        flat = both.reshape(-1, both.shape[2])
        local = self.local_norm2(self.local2(functional.relu(self.local_norm1(self.local1(flat))))).view_as(both)
        whole = self.whole_norm2(self.whole2(functional.relu(self.whole_norm1(self.whole1(both.mean(dim=1))))))
        weight = torch.sigmoid(local + whole[:, None])
        return 2 * (x * weight + other * (1 - weight))


class Patches(nn.Module):
    """Patch embedding of a folded log-mel: tokens of 4 bands by 4 frames on the Z-curve."""

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

    def _split(self, x: Tensor, frames: int) -> Tensor:
        """Fold (N, T, F) and split it into patches of `frames` frames: (N, rows, columns, 4 * frames), band-major."""
        count, columns, rows = x.shape[0], self.side // frames, x.shape[2] // _PATCH
        x = x.reshape(count, self.pieces, self.side, -1)[:, :, : columns * frames]
        x = x.reshape(count, self.pieces, columns, frames, rows, _PATCH).permute(0, 1, 4, 2, 5, 3)
        return x.reshape(count, self.pieces * rows, columns, _PATCH * frames)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, F), or (B, 4, T, F) with fusion, to tokens (B, L, D)."""
        if self.long is None or self.fusion is None:
            x = self._split(x, _PATCH).flatten(1, 2).index_select(1, self.order)  # reordering is cheapest before the projection
            x = self.norm(self.proj(x))
            return x
        whole = self.proj(self._split(x[:, 0], _PATCH).flatten(1, 2))
        parts = self.long(self._split(x[:, 1:].flatten(0, 1), _LONG)).view(
            -1, 3, self.grid, self.side // _LONG, self.norm.weight.shape[0]
        )  # (B, 3, rows, columns, D)
        parts = parts.permute(0, 2, 1, 3, 4).flatten(2, 3)
        parts = functional.pad(parts, (0, 0, 0, self.grid - parts.shape[2])).flatten(1, 2)
        longer = (x[:, 1:] != x[:, :1]).flatten(1).any(dim=1)
        both = torch.where(longer[:, None, None], self.fusion(whole, parts), whole)
        x = self.norm(both).index_select(1, self.order)
        return x


class Htsat(nn.Module):
    """HTS-AT. D is the width of the last stage. There are 32 frames per image: 3.1 a second for ten seconds of audio."""

    Config = HtsatConfig
    times: Tensor

    def __init__(self, config: HtsatConfig) -> None:
        super().__init__()
        config.check()
        self.config, self.frontend, self.labels = config, config.frontend, config.labels
        self.hops = PRESETS[config.frontend].frame_rate
        self.size = config.width << (len(config.depths) - 1)
        self.max_frames = config.side * config.side // config.mels
        self.bn0 = nn.BatchNorm1d(config.mels)
        self.patches = Patches(config)
        self.stages = nn.ModuleList([Stage(config, index) for index in range(len(config.depths))])
        self.norm = nn.LayerNorm(self.size)
        grid, pieces = config.side // _PATCH >> (len(config.depths) - 1), config.side // config.mels
        self.bins = grid // pieces
        self.head = nn.Conv2d(self.size, config.labels, (self.bins, 3), padding=(0, 1)) if config.labels else None
        times = raster_index(grid).view(pieces, self.bins, grid).transpose(1, 2)  # (segment, column, bin): time-major
        self.register_buffer("times", times.flatten(), persistent=False)

    def _normalise(self, features: Tensor) -> Tensor:
        """Features (..., T, F), batch-normed by band and resampled in time to the length of the image."""
        norm, frames = self.bn0, features.shape[-2]  # running statistics are used in training too
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        features = features * scale + (norm.bias - norm.running_mean * scale)
        return features if frames == self.max_frames else resample_frames(features, self.max_frames)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features (B, T, F), or (B, 4, T, F) with fusion, T at most 1024; mask (B, T), True for real frames, which come first.

        Each clip is resized to the whole image, so clips of equal length run as one batch without padding. All clips have the same number
        of frames; frame_rate is that of the longest clip. layers: tokens after the patch embedding and after each stage, row-major.
        """
        if mask is not None:
            return self._by_length(features, mask.sum(dim=1).clamp(min=1), with_layers=with_layers)
        self._check(features)
        states = []
        x = self.patches(self._normalise(features))
        if with_layers:
            states.append(x[:, raster_index(self.config.side // _PATCH)])
        for index, stage in enumerate(self.stages):
            assert isinstance(stage, Stage)
            before_merge, x = stage(x)
            if with_layers:
                states.append(stage.unshift(before_merge)[:, raster_index(self.config.side // _PATCH >> index)])
        x = self.norm(x)
        pooled = x.mean(dim=1)
        x = x.index_select(1, self.times).view(x.shape[0], -1, self.bins, self.size)  # (B, T', bins, D)
        logits = None if self.head is None else self.head(x.permute(0, 3, 2, 1))[:, :, 0].transpose(1, 2)
        clip = None if logits is None else logits.mean(dim=1)
        rate = self.hops * x.shape[1] / max(features.shape[-2] - 1, 1)
        return Embedding(pooled, x.mean(dim=2), None, rate, clip_logits=clip, frame_logits=logits, layers=tuple(states))

    def _by_length(self, features: Tensor, lengths: Tensor, *, with_layers: bool) -> Embedding:
        """The Embedding of clips with `lengths` (B,) real frames, batched by length."""
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
        if shape[-2] > self.max_frames:
            raise InputError(f"htsat got {shape[-2]} frames; wanted at most {self.max_frames}: cut the sound into windows")


def resample_frames(x: Tensor, frames: int) -> Tensor:
    """Resample x (..., T, F) to `frames` frames by cubic interpolation with aligned corners."""
    count = x.shape[-2]
    position = torch.arange(frames, device=x.device, dtype=torch.float64) * ((count - 1) / (frames - 1))
    before = position.floor()
    fraction = (position - before).to(x.dtype)[:, None]
    near, far = (_near(fraction), _near(1 - fraction)), (_far(fraction + 1), _far(2 - fraction))
    index = before.long()
    resampled = x[..., index, :] * near[0] + x[..., (index + 1).clamp(max=count - 1), :] * near[1]
    resampled = resampled + x[..., (index - 1).clamp(min=0), :] * far[0]
    return resampled + x[..., (index + 2).clamp(max=count - 1), :] * far[1]


def _near(distance: Tensor) -> Tensor:
    """Weight of a frame less than one step away (Keys 1981, equation 15)."""
    return ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance * distance + 1


def _far(distance: Tensor) -> Tensor:
    """Weight of a frame one to two steps away."""
    return ((_CUBIC * distance - 5 * _CUBIC) * distance + 8 * _CUBIC) * distance - 4 * _CUBIC
