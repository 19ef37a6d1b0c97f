"""Squeeze and excitation: a map weighs its own channels (Hu et al. 2018, arXiv:1709.01507)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from auricle.nn.conv import masked


def even_width(width: float) -> int:
    """The multiple of eight nearest to a width, at least eight and at most a tenth below it, as MobileNets round."""
    near = max(8, int(width + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width else near


class Squeeze(nn.Module):
    """A map times weights between zero and one, which a bottleneck of a quarter makes of its channels' means."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inside = even_width(width // 4)
        self.narrow = nn.Linear(width, inside)
        self.widen = nn.Linear(inside, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x (B, C, T, F), mask (B, T): the means are over real frames. Returns (B, C, T, F)."""
        means = masked(x, mask).mean(dim=(2, 3))
        if mask is not None:
            means = means * (x.shape[2] / mask.sum(dim=1, keepdim=True).clamp(min=1))
        weights = self.widen(functional.relu(self.narrow(means))).sigmoid()
        weighed: Tensor = x * weights[:, :, None, None]
        return weighed
