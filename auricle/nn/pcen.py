"""Per-channel energy normalisation: every band divided by its own recent loudness, with all four numbers of a band learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_CHUNK = 64  # frames that one product smooths; what came before enters as one number a band
_LEAST_DELTA = 1e-3


def smoothed(energy: Tensor, weight: Tensor) -> Tensor:
    """Exponential moving average m(t) = (1 - s) m(t - 1) + s e(t) along time, started at the first frame's energy.

    energy (B, T, F); weight s (F,), 0 to 1. Returns (B, T, F).
    """
    steps = torch.arange(_CHUNK, device=energy.device)
    lags = steps[:, None] - steps  # (chunk, chunk)
    kept = 1.0 - weight
    kernel = weight[:, None, None] * torch.where(lags >= 0, kept[:, None, None] ** lags.clamp(min=0), 0.0)  # (F, chunk, chunk)
    decay = kept ** (steps[:, None] + 1)  # (chunk, F)
    state, found = energy[:, 0], []
    for chunk in torch.split(energy, _CHUNK, dim=1):
        count = chunk.shape[1]
        mean = torch.einsum("fts,bsf->btf", kernel[:, :count, :count], chunk) + decay[:count] * state[:, None]
        state = mean[:, -1]
        found.append(mean)
    return torch.cat(found, dim=1)


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
