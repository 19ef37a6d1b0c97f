"""Where a token stands: learned and sine tables over time and frequency, fitted to any length, and places by convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def sincos(places: Tensor, width: int, *, closed: bool = False) -> Tensor:
    """Sines, then cosines, of places (L,) at width / 2 wavelengths from 2 pi to 20000 pi: (L, width). arXiv:1706.03762, section 3.5.

    closed: the longest wavelength is 20000 pi itself (Whisper); else it would be that of one step more.
    """
    count = width // 2
    wavelengths = 10000.0 ** (torch.arange(count, dtype=torch.float64) / (count - closed))
    angles = places.double()[:, None] / wavelengths
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


def sincos_grid(times: int, bands: int, width: int) -> Tensor:
    """Table (times * bands, width), time in the outer order: the first half of the width tells the band, the second the time."""
    time = sincos(torch.arange(times), width // 2)[:, None].expand(-1, bands, -1)
    band = sincos(torch.arange(bands), width // 2)[None].expand(times, -1, -1)
    return torch.cat([band, time], dim=2).flatten(0, 1)


def fit_table(table: Tensor, grid: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    """A learned table (1, T * F, D) of one grid for another: cut from the middle of an axis that is too long, stretched where too short.

    Stretching is bilinear. As YuanGongND/ast src/models/ast_models.py fits ImageNet's and AudioSet's tables to other inputs.
    """
    if grid == wanted:
        return table
    picture = table.view(1, *grid, -1).permute(0, 3, 1, 2)  # (1, D, T, F)
    for axis, (have, want) in enumerate(zip(grid, wanted, strict=True), start=2):
        if want < have:
            picture = picture.narrow(axis, have // 2 - want // 2, want)
    if picture.shape[2:] != torch.Size(wanted):
        picture = functional.interpolate(picture, size=wanted, mode="bilinear")
    return picture.flatten(2).transpose(1, 2)


class ConvPositions(nn.Module):
    """What tells a token its place by those around it: a wide grouped convolution over L, then GELU (arXiv:2006.11477, section 2)."""

    def __init__(self, width: int, kernel: int, *, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) to (B, L, D)."""
        length = x.shape[1]  # an even kernel gives one token too many, at the end
        placed: Tensor = self.conv(x.transpose(1, 2))[:, :, :length]
        return functional.gelu(placed).transpose(1, 2)
