"""Squeeze and excitation: a map weighs its own channels, or its own bands (Hu et al. 2018, arXiv:1709.01507)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from auricle.nn.conv import masked


def even_width(width: float) -> int:
    """The multiple of eight nearest to a width, at least eight and at most a tenth below it, as MobileNets round."""
    near = max(8, int(width + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width else near


class _Weigher(nn.Module):
    """Weights between zero and one of the means (B, D): a bottleneck of a quarter."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inside = even_width(width // 4)
        self.narrow = nn.Linear(width, inside)
        self.widen = nn.Linear(inside, width)

    def forward(self, means: Tensor) -> Tensor:
        """(B, D) to (B, D)."""
        return self.widen(functional.relu(self.narrow(means))).sigmoid()


class Squeeze(nn.Module):
    """A map weighed along its axes; of several weighed maps the largest value counts. axes: pairs of ('channel' or 'frequency', width)."""

    def __init__(self, axes: tuple[tuple[str, int], ...]) -> None:
        super().__init__()
        self.axes = nn.ModuleDict({axis: _Weigher(width) for axis, width in axes})

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x (B, C, T, F), mask (B, T): the means are over real frames. Returns (B, C, T, F)."""
        weighed = None
        for axis, weigher in self.axes.items():
            means = masked(x, mask).mean(dim=(2, 3) if axis == "channel" else (1, 2))
            if mask is not None:
                means = means * (x.shape[2] / mask.sum(dim=1, keepdim=True).clamp(min=1))
            weights = weigher(means)
            mine = x * (weights[:, :, None, None] if axis == "channel" else weights[:, None, None])
            weighed = mine if weighed is None else mine.maximum(weighed)
        assert weighed is not None, "a squeeze without axes"
        return weighed
