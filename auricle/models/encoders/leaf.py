"""LEAF before any encoder of log-mel pictures: samples in, and a learned front-end in place of the encoder's own.

Zeghidour et al. 2021 (arXiv 2101.08596), who put it before a CNN; see nn.leaf. It is part of the module: it is trained with the encoder,
saved with it, and in its exported graph.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor, nn

from auricle.core.config import Strict
from auricle.core.errors import ModelError
from auricle.models.encoders.embedding import Embedding
from auricle.models.encoders.factory import open_encoder
from auricle.nn.conv import pad_frames, strided_mask
from auricle.nn.leaf import Leaf
from auricle.signal.presets import PRESETS

_LEAST = 32  # frames that every encoder takes: a clip that has fewer has silence after it


class LeafConfig(Strict):
    """encoder: settings of the encoder behind; its preset gives rate, window, hop and the bands to start from. step: see nn.leaf.Leaf."""

    family: Literal["leaf"] = "leaf"
    frontend: str = "raw-16k"
    encoder: dict[str, Any]
    step: Annotated[int, Field(gt=0)] = 4


class LeafEncoder(nn.Module):
    """Samples (B, N), full scale +-1 -> the Embedding of the encoder behind, which gets ceil(N / hop) frames."""

    Config = LeafConfig

    def __init__(self, config: LeafConfig) -> None:
        super().__init__()
        behind: Any = open_encoder(config.encoder)
        preset, rate = PRESETS[behind.frontend], PRESETS[config.frontend].rate
        if not preset.is_plain_log_mel or preset.rate != rate or PRESETS[config.frontend].kind != "raw":
            plain = ", ".join(name for name, other in PRESETS.items() if other.is_plain_log_mel and other.rate == rate)
            raise ModelError(f"LEAF at {rate} Hz cannot stand in for front-end {behind.frontend}; wanted one of {plain}")
        self.config, self.encoder = config, behind
        self.frontend, self.size, self.labels = config.frontend, behind.size, behind.labels
        window, hop = preset.window / rate, preset.hop / rate
        self.leaf = Leaf(preset.mels, rate=rate, window=window, hop=hop, low=preset.low, high=preset.high, step=config.step)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features: samples (B, N); mask (B, N), True for real samples, then False; with_layers: those of the encoder behind."""
        samples, mask = pad_frames(features, mask, frames=_LEAST * self.leaf.hop)
        encoded: Embedding = self.encoder(self.leaf(samples, mask), strided_mask(mask, self.leaf.hop), with_layers=with_layers)
        return encoded
