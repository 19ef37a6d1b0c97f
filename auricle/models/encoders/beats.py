"""BEATs: a transformer over patches with convolutional and gated relative positions, and a classifier of each patch.

Chen et al. 2023, arXiv:2212.09058; sizes and layers from microsoft/unilm, beats/ (MIT).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from auricle.core.config import Strict
from auricle.models.encoders.embedding import Embedding
from auricle.nn.conv import pad_frames, pooled_mask
from auricle.nn.patch import Patches
from auricle.nn.pooling import masked_mean
from auricle.nn.transformer import Trunk, TrunkSizes

Size = Annotated[int, Field(gt=0)]


class BeatsConfig(Strict):
    """Sizes of the encoder, read from a published checkpoint.

    patch: side of a patch, in frames and bands. embedding: width of the patch embedding. first, deep, conv, groups, buckets, farthest:
    norm_first, deep_norm, conv_kernel, conv_groups, buckets and max_distance of nn.transformer.TrunkSizes. gated: gate the relative
    position bias by the query. fill: feature value of silence.
    """

    family: Literal["beats"] = "beats"
    frontend: str = "kaldi-beats"
    frame_rate: Annotated[float, Field(gt=0)] = 100.0
    patch: Size = 16
    bands: Size = 128
    patch_bias: bool = False
    embedding: Size = 512
    width: Size = 768
    depth: Size = 12
    heads: Size = 12
    hidden: Size = 3072
    first: bool = False
    deep: bool = True
    conv: Size = 128
    groups: Size = 16
    buckets: Annotated[int, Field(ge=0)] = 320
    farthest: Size = 800
    gated: bool = True
    fill: float = -2.391723
    labels: Annotated[int, Field(ge=0)] = 0


class Beats(nn.Module):
    """Normalised log-mel (B, T, F) of any length -> Embedding. A patch is real where all of its frames are.

    clip_logits are the mean of all patches' logits, as published; frame_logits the mean over the bands of each time step.
    """

    Config = BeatsConfig

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend, self.size, self.labels = config.frontend, config.width, config.labels
        self.bands = config.bands // config.patch
        side = (config.patch, config.patch)
        self.patches = Patches(config.embedding, side, stride=side, bias=config.patch_bias)
        self.norm = nn.LayerNorm(config.embedding)
        self.project = nn.Linear(config.embedding, config.width) if config.embedding != config.width else None
        self.trunk = Trunk(
            TrunkSizes(
                width=config.width,
                depth=config.depth,
                heads=config.heads,
                hidden=config.hidden,
                epsilon=1e-5,
                norm_first=config.first,
                deep_norm=config.deep,
                conv_kernel=config.conv,
                conv_groups=config.groups,
                buckets=config.buckets,
                max_distance=config.farthest,
                gate="query" if config.gated and config.buckets else "none",
            )
        )
        self.head = nn.Linear(config.width, config.labels) if config.labels else None

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features (B, T, F); mask (B, T), True for real frames. layers: tokens before the first and after each block."""
        features, mask = pad_frames(features, mask, frames=self.config.patch, silence=self.config.fill)  # at least one patch
        frames_mask = pooled_mask(mask, self.config.patch)
        x = self.norm(self.patches(features))
        if self.project is not None:
            x = self.project(x)
        token_mask = None if frames_mask is None else frames_mask.repeat_interleave(self.bands, dim=1)
        x, states = self.trunk(x, token_mask)
        patches = x.unflatten(1, (-1, self.bands))  # (B, T', F', D)
        frames = patches.mean(dim=2)
        logits = None if self.head is None else self.head(patches).mean(dim=2)
        return Embedding(
            pooled=masked_mean(frames, frames_mask),
            frames=frames,
            mask=frames_mask,
            frame_rate=self.config.frame_rate / self.config.patch,
            clip_logits=None if logits is None else masked_mean(logits, frames_mask),
            frame_logits=logits,
            layers=states if with_layers else (),
        )
