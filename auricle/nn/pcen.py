"""Per-channel energy normalisation (PCEN) with learned parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_CHUNK = 64  # frames smoothed by one matrix product; earlier frames enter as one value per band
_MIN_DELTA = 1e-3


def moving_average(energy: Tensor, weight: Tensor) -> Tensor:
    """Exponential moving average m(t) = (1 - s) m(t - 1) + s e(t) along time, initialised with the first frame's energy.

    energy (B, T, F); weight s (F,), 0 to 1. Returns (B, T, F). Computed by matrix products within and over chunks: a loop over frames
    would have a fixed length in an exported graph.
    """
    frames, decay = energy.shape[1], 1.0 - weight
    chunks = (frames + _CHUNK - 1) // _CHUNK
    parts = functional.pad(energy, (0, 0, 0, chunks * _CHUNK - frames)).view(-1, chunks, _CHUNK, len(weight))
    steps = torch.arange(_CHUNK, device=energy.device)
    within = torch.einsum("stf,bctf->bcsf", _powers(decay, steps) * weight, parts)
    # Initial value of each chunk: the first frame's energy and the final averages of the chunks before, decayed.
    carried = torch.cat([energy[:, :1], within[:, :-1, -1]], dim=1)  # (B, C, F)
    initial = torch.einsum("sef,bef->bsf", _powers(decay**_CHUNK, torch.arange(carried.shape[1], device=energy.device)), carried)
    mean = within + decay ** (steps[:, None] + 1) * initial[:, :, None]
    return mean.flatten(1, 2)[:, :frames]


def _powers(decay: Tensor, steps: Tensor) -> Tensor:
    """decay (F,) to the power of each lag between steps (S,), 0 for negative lags: (S, S, F)."""
    lags = (steps[:, None] - steps)[:, :, None]
    return torch.where(lags >= 0, decay ** lags.clamp(min=0), 0.0)


class Pcen(nn.Module):
    """Energy (B, T, F), above zero -> (e / (floor + m)^alpha + delta)^(1 / root) - delta^(1 / root), same shape.

    m is the moving average of each band. Wang et al. 2017 (arXiv:1607.05666, eq. 1 and 2), with a learned smoothing weight per band:
    sPCEN of Zeghidour et al. 2021 (arXiv:2101.08596, 3.3), initialised as in google-research/leaf-audio. delta is clamped to at least
    1e-3; leaf-audio allows negative values, which give NaN.
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
        mean = moving_average(energy, self.smooth.clamp(0.0, 1.0))
        delta, power = self.delta.clamp(min=_MIN_DELTA), 1.0 / self.root.clamp(min=1.0)
        return (energy * (self.floor + mean) ** -self.alpha.clamp(max=1.0) + delta) ** power - delta**power
