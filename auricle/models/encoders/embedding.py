"""Interface of encoders: the Embedding that every encoder returns, and the Encoder protocol."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Embedding:
    """Outputs of an encoder for a batch.

    pooled (B, D): one vector per clip. frames (B, T, D): one vector per frame. frame_rate: frames per second (of the longest clip, where
    an encoder resizes clips: HTS-AT).
    mask (B, T): True for real frames; None when all are.
    clip_logits (B, K): logits of the checkpoint's own labels; None without a head.
    frame_logits (B, T, K): logits of the same labels over time, at frame_rate; None where the head has no such output.
    layers: hidden states, shallow to deep, each (B, L, width); empty unless requested.
    """

    pooled: Tensor
    frames: Tensor
    mask: Tensor | None
    frame_rate: float = 0.0
    clip_logits: Tensor | None = None
    frame_logits: Tensor | None = None
    layers: tuple[Tensor, ...] = ()


class Encoder(Protocol):
    """A torch module that encodes features.

    frontend: preset of signal.frontend whose features it takes. size: D. labels: K of its own head, 0 without a head.
    """

    frontend: str
    size: int
    labels: int

    def __call__(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features: of the front-end, (B, T, F), (B, 4, T, F) or (B, N). mask (B, T): True for real frames.

        Outputs of a masked clip equal those of the clip alone, within rounding. with_layers: return `layers` too.
        """
