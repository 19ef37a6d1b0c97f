"""LEAF: a front-end with learned filters, pooling windows and compression, seven parameters per band.

Zeghidour et al. 2021, arXiv:2101.08596; section numbers below are those of the paper. Constants are those of google-research/leaf-audio.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.errors import InputError
from auricle.nn.pcen import Pcen

#: Full width at half maximum of a Gaussian filter's response (cycles per sample) times the deviation of its window (samples).
_WIDTH = math.sqrt(2.0 * math.log(2.0)) / math.pi
_MIN_ENERGY = 1e-5


def mel_gabors(filters: int, *, rate: int, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Gabor filters that match mel bands: centres in radians per sample (F,) and deviations in samples (F,).

    Bands are triangles on the scale 1127 ln(1 + f / 700) between low and high Hz. The response of a Gabor filter has the half-maximum
    width of the square root of its triangle, which is where the triangle reaches a quarter. google-research/leaf-audio melfilters.py
    estimates both from a 512-point filterbank in whole bins; here they are exact.
    """
    corners = torch.linspace(math.log1p(low / 700.0), math.log1p(high / 700.0), filters + 2, dtype=torch.float64)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    foot, middle, top = (700.0 * torch.expm1(place) for place in (left + (centre - left) / 4, centre, right - (right - centre) / 4))
    return (2.0 * math.pi * middle / rate).float(), (_WIDTH * rate / (top - foot)).float()


class GaborFilters(nn.Module):
    """Samples (B, N) -> energies (B, F, ceil(N / step)): squared modulus of F complex Gabor filters at every step-th sample (3.1).

    Two parameters per band: centre (radians per sample) and deviation of its Gaussian (samples), clamped so that the filter fits its taps.
    size: W, the number of taps of a filter, odd.
    """

    def __init__(self, centre: Tensor, deviation: Tensor, *, size: int, step: int = 1) -> None:
        super().__init__()
        self.centre, self.deviation, self.size, self.step = nn.Parameter(centre), nn.Parameter(deviation), size, step

    def taps(self) -> Tensor:
        """Impulse responses of the current filters, (2, F, W): real and imaginary parts."""
        centre = self.centre.clamp(0.0, math.pi)[:, None]
        deviation = self.deviation.clamp(4.0 * _WIDTH, self.size * _WIDTH)[:, None]
        times = torch.arange(self.size, device=centre.device) - self.size // 2
        envelope = torch.exp(-0.5 * (times / deviation) ** 2) / (math.sqrt(2.0 * math.pi) * deviation)
        return torch.stack([envelope * torch.cos(centre * times), envelope * torch.sin(centre * times)])

    def forward(self, samples: Tensor) -> Tensor:
        """samples (B, N)."""
        waves = functional.conv1d(samples[:, None], self.taps().flatten(0, 1)[:, None], stride=self.step, padding=self.size // 2)
        real, imaginary = waves.chunk(2, dim=1)
        return real.square() + imaginary.square()


class GaussianPooling(nn.Module):
    """Energies at every step-th sample (B, F, M) -> (B, T, F), one frame per hop: Gaussian pooling with one window per band (3.2).

    width (F,): the learned deviation of the window as a fraction of half its length. size: window length in samples; hop: samples, a
    multiple of step; T = ceil(M * step / hop). As in leaf-audio, windows do not sum to one. Frame t is centred half a hop after t * hop
    for any length, so padding after a clip does not move its frames.
    """

    def __init__(self, filters: int, *, size: int, hop: int, step: int = 1, width: float = 0.4) -> None:
        super().__init__()
        self.width, self.size, self.hop, self.step = nn.Parameter(torch.full((filters,), width)), size, hop // step, step

    def forward(self, energies: Tensor) -> Tensor:
        """energies (B, F, M)."""
        half = self.size // 2 // self.step
        deviation = self.width.clamp(2.0 * self.step / self.size, 0.5)[:, None] * (0.5 * (self.size - 1))
        times = self.step * torch.arange(-half, half + 1, device=energies.device)
        taps = self.step * torch.exp(-0.5 * (times / deviation) ** 2)  # (F, W): step stands in for the samples left out
        before = (2 * half + 1 - self.hop) // 2
        padded = functional.pad(energies, (before, 2 * half - before))
        pooled: Tensor = functional.conv1d(padded, taps[:, None], stride=self.hop, groups=len(taps))
        return pooled.transpose(1, 2)


class Leaf(nn.Module):
    """Samples (B, N) at `rate`, full scale +-1 -> features (B, ceil(N / hop), F).

    window, hop: seconds. step: samples from one energy to the next; 1 as published. A band is far narrower than the rate, so every fourth
    sample gives the same frames within 1e-3 on average, in a quarter of the time. Initialised to mel bands between low and high Hz.
    7 F parameters are learned: 280 for 40 filters, 448 for 64. InputError where step does not divide the hop.
    """

    def __init__(
        self,
        filters: int = 40,
        *,
        rate: int = 16000,
        window: float = 0.025,
        hop: float = 0.01,
        low: float = 60.0,
        high: float = 7800.0,
        step: int = 1,
    ) -> None:
        super().__init__()
        size, frame = 2 * (round(rate * window) // 2) + 1, round(rate * hop)
        if frame % step:
            raise InputError(f"step is {step} and a hop {frame} samples; wanted a step that divides it")
        self.rate, self.mels, self.frame_rate, self.hop = rate, filters, rate / frame, frame
        centre, deviation = mel_gabors(filters, rate=rate, low=low, high=high)
        self.filters = GaborFilters(centre, deviation, size=size, step=step)
        self.pooling = GaussianPooling(filters, size=size, hop=frame, step=step)
        self.compression = Pcen(filters)

    def forward(self, samples: Tensor, mask: Tensor | None = None) -> Tensor:
        """samples (B, N); mask (B, N), True for real samples, then False. Features of real samples are those of the clip alone."""
        if mask is not None:
            samples = samples * mask
        energies = self.filters(samples)
        if mask is not None:
            energies = energies * mask[:, None, :: self.filters.step]  # no filter ringing after the end
        compressed: Tensor = self.compression(self.pooling(energies).clamp(min=_MIN_ENERGY))
        return compressed
