"""Squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507) and the channel rounding of MobileNets."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from auricle.nn.conv import apply_mask


def round_channels(width: float) -> int:
    """Round a width to the nearest multiple of eight, at least eight and at most a tenth below it, as MobileNets do."""
    near = max(8, int(width + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width else near


class SqueezeExcitation(nn.Module):
    """Multiply channels by weights in 0..1, computed from their means by a bottleneck of a quarter of the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inside = round_channels(width // 4)
        self.narrow = nn.Linear(width, inside)
        self.widen = nn.Linear(inside, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x (B, C, T, F), mask (B, T): the means are over real frames. Returns (B, C, T, F)."""
        means = apply_mask(x, mask).mean(dim=(2, 3))
        if mask is not None:
            means = means * (x.shape[2] / mask.sum(dim=1, keepdim=True).clamp(min=1))
        weights = self.widen(functional.relu(self.narrow(means))).sigmoid()
        weighted: Tensor = x * weights[:, :, None, None]
        return weighted
