"""What every encoder takes and gives: one contract, so that any front-end, head, bridge or search works with any of them."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Embedding:
    """What an encoder says of a batch.

    pooled (B, D): one vector a clip. frames (B, T, D): one a moment, frame_rate of them a second (of the longest clip, where an encoder
    resizes clips: HTS-AT).
    mask (B, T): True for real frames; None when all are.
    clip (B, K): logits of the labels that the checkpoint's own head knows; None where it has no head.
    scores (B, T, K): logits of the same labels in time, at frame_rate; None where the head has no such output.
    layers: states inside, shallow to deep, each (B, L, width); empty unless they were asked for.
    """

    pooled: Tensor
    frames: Tensor
    mask: Tensor | None
    frame_rate: float = 0.0
    clip_logits: Tensor | None = None
    frame_logits: Tensor | None = None
    layers: tuple[Tensor, ...] = ()


class Encoder(Protocol):
    """An encoder of published weights: a torch module with these besides.

    frontend: preset of signal.frontend whose features it takes. size: D. labels: K of its own head, 0 where there is none.
    """

    frontend: str
    size: int
    labels: int

    def __call__(self, features: Tensor, mask: Tensor | None = None, *, with_layers: bool = False) -> Embedding:
        """features: a batch of what the front-end gives, (B, T, F), (B, 4, T, F) or (B, N). mask (B, T): True for real frames.

        A masked clip gives what it would give alone, within rounding. with_layers: give `layers` too.
        """
