"""Per-channel energy normalisation: every band divided by its own recent loudness, with all four numbers of a band learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_CHUNK = 64  # frames that one product smooths; what came before enters as one number a band
_LEAST_DELTA = 1e-3


def smoothed(energy: Tensor, weight: Tensor) -> Tensor:
    """Exponential moving average m(t) = (1 - s) m(t - 1) + s e(t) along time, started at the first frame's energy.

    energy (B, T, F); weight s (F,), 0 to 1. Returns (B, T, F). Worked out by products within chunks and over chunks, of any number, so
    that there is no loop for an export to fix the length of.
    """
    frames, kept = energy.shape[1], 1.0 - weight
    chunks = (frames + _CHUNK - 1) // _CHUNK
    parts = functional.pad(energy, (0, 0, 0, chunks * _CHUNK - frames)).view(-1, chunks, _CHUNK, len(weight))
    steps = torch.arange(_CHUNK, device=energy.device)
    within = torch.einsum("stf,bctf->bcsf", _decay(kept, steps) * weight, parts)
    # What a chunk begins with: the first frame's energy, and the last average within each chunk before it.
    carried = torch.cat([energy[:, :1], within[:, :-1, -1]], dim=1)  # (B, C, F)
    begun = torch.einsum("sef,bef->bsf", _decay(kept**_CHUNK, torch.arange(carried.shape[1], device=energy.device)), carried)
    mean = within + kept ** (steps[:, None] + 1) * begun[:, :, None]
    return mean.flatten(1, 2)[:, :frames]


def _decay(kept: Tensor, steps: Tensor) -> Tensor:
    """kept (F,) to the power of each lag between steps (S,), 0 for what is still to come: (S, S, F)."""
    lags = (steps[:, None] - steps)[:, :, None]
    return torch.where(lags >= 0, kept ** lags.clamp(min=0), 0.0)


class Pcen(nn.Module):
    """Energy (B, T, F), above zero -> (e / (floor + m)^alpha + delta)^(1 / root) - delta^(1 / root), same shape.

    m is the moving average of each band. Wang et al. 2017 (arXiv 1607.05666, eq. 1 and 2), with the average's weight learned too and one
    a band: sPCEN of Zeghidour et al. 2021 (arXiv 2101.08596, 3.3), started as google-research/leaf-audio starts it. delta is kept at
    1e-3 or more; upstream lets it fall below zero, where the root of what may be negative is not a number.
    """

    def __init__(
        self, mels: int, *, alpha: float = 0.96, smooth: float = 0.04, delta: float = 2.0, root: float = 2.0, floor: float = 1e-12
    ) -> None:
        super().__init__()
        self.alpha, self.smooth, self.delta, self.root = (
            nn.Parameter(torch.full((mels,), value)) for value in (alpha, smooth, delta, root)
        )
        self.floor = floor

    def forward(self, energy: Tensor) -> Tensor:
        """energy (B, T, F)."""
        mean = smoothed(energy, self.smooth.clamp(0.0, 1.0))
        delta, power = self.delta.clamp(min=_LEAST_DELTA), 1.0 / self.root.clamp(min=1.0)
        return (energy * (self.floor + mean) ** -self.alpha.clamp(max=1.0) + delta) ** power - delta**power
