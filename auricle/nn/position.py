"""Position embeddings: sinusoidal and learned tables over time and frequency, their interpolation, and convolutional positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def sincos(positions: Tensor, width: int, *, closed: bool = False) -> Tensor:
    """Sines, then cosines, of positions (L,) at width / 2 wavelengths from 2 pi to 20000 pi: (L, width). arXiv:1706.03762, section 3.5.

    closed: include the longest wavelength, 20000 pi (Whisper); it is excluded otherwise.
    """
    count = width // 2
    wavelengths = 10000.0 ** (torch.arange(count, dtype=torch.float64) / (count - closed))
    angles = positions.double()[:, None] / wavelengths
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


def sincos_grid(times: int, bands: int, width: int) -> Tensor:
    """Table (times * bands, width), time-major: the first half of the width encodes the band, the second the time."""
    time = sincos(torch.arange(times), width // 2)[:, None].expand(-1, bands, -1)
    band = sincos(torch.arange(bands), width // 2)[None].expand(times, -1, -1)
    return torch.cat([band, time], dim=2).flatten(0, 1)


def resize_positions(table: Tensor, grid: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    """Resize a learned table (1, T * F, D) from one grid to another: crop the centre of a longer axis, interpolate a shorter one.

    Interpolation is bilinear. As YuanGongND/ast src/models/ast_models.py fits the tables of ImageNet and AudioSet to other inputs.
    """
    if grid == wanted:
        return table
    image = table.view(1, *grid, -1).permute(0, 3, 1, 2)  # (1, D, T, F)
    for axis, (size, target) in enumerate(zip(grid, wanted, strict=True), start=2):
        if target < size:
            image = image.narrow(axis, size // 2 - target // 2, target)
    if image.shape[2:] != torch.Size(wanted):
        image = functional.interpolate(image, size=wanted, mode="bilinear")
    return image.flatten(2).transpose(1, 2)


class ConvPositions(nn.Module):
    """Convolutional position embedding: a wide grouped convolution over L, then GELU (arXiv:2006.11477, section 2)."""

    def __init__(self, width: int, kernel: int, *, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) to (B, L, D)."""
        length = x.shape[1]  # an even kernel gives one extra token at the end
        positions: Tensor = self.conv(x.transpose(1, 2))[:, :, :length]
        return functional.gelu(positions).transpose(1, 2)
