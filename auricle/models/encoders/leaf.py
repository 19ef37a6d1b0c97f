"""LEAF front-end with any log-mel encoder: samples in, learned features in place of the encoder's log-mel.

Zeghidour et al. 2021 (arXiv:2101.08596), who used it with a CNN; see nn.leaf. LEAF is a part of the module: it is trained, saved and
exported with the encoder.
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

_MIN_FRAMES = 32  # every encoder takes this many: shorter clips are padded with silence


class LeafConfig(Strict):
    """encoder: settings of the encoder, whose preset gives rate, window, hop and the initial bands. step: see nn.leaf.Leaf."""

    family: Literal["leaf"] = "leaf"
    frontend: str = "raw-16k"
    encoder: dict[str, Any]
    step: Annotated[int, Field(gt=0)] = 4


class LeafEncoder(nn.Module):
    """Samples (B, N), full scale +-1 -> Embedding of the encoder, which gets ceil(N / hop) frames."""

    Config = LeafConfig

    def __init__(self, config: LeafConfig) -> None:
        super().__init__()
        encoder: Any = open_encoder(config.encoder)
        preset, rate = PRESETS[encoder.frontend], PRESETS[config.frontend].rate
        if not preset.is_plain_log_mel or preset.rate != rate or PRESETS[config.frontend].kind != "raw":
            plain = ", ".join(name for name, other in PRESETS.items() if other.is_plain_log_mel and other.rate == rate)
            raise ModelError(f"LEAF at {rate} Hz cannot replace front-end {encoder.frontend}; wanted one of {plain}")
        self.config, self.encoder = config, encoder
        self.frontend, self.size, self.labels = config.frontend, encoder.size, encoder.labels
        window, hop = preset.window / rate, preset.hop / rate
        self.leaf = Leaf(preset.mels, rate=rate, window=window, hop=hop, low=preset.low, high=preset.high, step=config.step)

    def forward(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features: samples (B, N); mask (B, N), True for real samples, then False; with_layers: return the encoder's layers."""
        samples, mask = pad_frames(features, mask, frames=_MIN_FRAMES * self.leaf.hop)
        encoded: Embedding = self.encoder(self.leaf(samples, mask), strided_mask(mask, self.leaf.hop), with_layers=with_layers)
        return encoded
