"""LEAF: a front-end whose filters, smoothing and compression are learned, seven numbers a band.

Zeghidour et al. 2021 (arXiv 2101.08596); section numbers below are the paper's. Constants are google-research/leaf-audio's.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from auricle.nn.pcen import Pcen

_WIDTH = math.sqrt(2.0 * math.log(2.0)) / math.pi  # a Gaussian's width at half height, cycles a sample, times its deviation, samples
_LEAST_ENERGY = 1e-5
_BLOCK = 4096  # points of a transform


def mel_gabors(filters: int, *, rate: int, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Gabor filters that hear what mel bands hear: centres in radians a sample (F,), deviations in samples (F,).

    Bands are triangles on the scale 1127 ln(1 + f / 700) between low and high Hz. A Gabor's response is as wide at half its height as the
    square root of its triangle, which is where the triangle has a quarter. google-research/leaf-audio melfilters.py reads both off a
    512-point bank in whole bins; here they are exact.
    """
    ends = torch.log1p(torch.tensor([low, high], dtype=torch.float64) / 700.0)
    corners = torch.linspace(float(ends[0]), float(ends[1]), filters + 2, dtype=torch.float64)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    foot, middle, top = (700.0 * torch.expm1(place) for place in (left + (centre - left) / 4, centre, right - (right - centre) / 4))
    return (2.0 * math.pi * middle / rate).float(), (_WIDTH * rate / (top - foot)).float()


class GaborFilters(nn.Module):
    """Samples (B, N) -> energy in each band at every sample (B, F, N): squared modulus of F complex Gabor filters of W taps (3.1).

    Two numbers a band: centre (radians a sample) and deviation of its Gaussian (samples). They are held where the filter fits its taps.
    The filters are applied by Fourier transforms of blocks, several times as fast as by convolution at 401 taps.
    """

    def __init__(self, centre: Tensor, deviation: Tensor, *, size: int) -> None:
        super().__init__()
        self.centre, self.deviation, self.size = nn.Parameter(centre), nn.Parameter(deviation), size

    def taps(self) -> Tensor:
        """The filters now, complex (F, W)."""
        centre = self.centre.clamp(0.0, math.pi)[:, None]
        deviation = self.deviation.clamp(4.0 * _WIDTH, self.size * _WIDTH)[:, None]
        times = torch.arange(self.size, device=centre.device) - self.size // 2
        bell = torch.exp(-0.5 * (times / deviation) ** 2) / (math.sqrt(2.0 * math.pi) * deviation)
        taps: Tensor = torch.polar(bell, centre * times)
        return taps

    def forward(self, samples: Tensor) -> Tensor:
        """samples (B, N)."""
        count, before, step = samples.shape[1], self.size // 2, _BLOCK - self.size + 1  # samples that a block gives whole
        blocks = -(-count // step)
        padded = nn.functional.pad(samples, (before, (blocks - 1) * step + _BLOCK - before - count))
        spectrum = torch.fft.fft(padded.unfold(1, _BLOCK, step))  # (B, blocks, bins)
        waves = torch.fft.ifft(spectrum[:, None] * torch.fft.fft(self.taps(), _BLOCK).conj()[:, None])[..., :step]
        energy: Tensor = waves.real.square() + waves.imag.square()  # (B, F, blocks, step)
        return energy.flatten(2)[:, :, :count]


class GaussianPooling(nn.Module):
    """Energy (B, F, N) -> (B, ceil(N / hop), F): each band smoothed by its own Gaussian of W taps, one value a hop (3.2).

    width (F,): deviation as a share of half the taps, the one number a band. Taps are not brought to unit sum, as in leaf-audio.
    """

    def __init__(self, filters: int, *, size: int, hop: int, width: float = 0.4) -> None:
        super().__init__()
        self.width, self.size, self.hop = nn.Parameter(torch.full((filters,), width)), size, hop

    def forward(self, energy: Tensor) -> Tensor:
        """energy (B, F, N)."""
        width = self.width.clamp(2.0 / self.size, 0.5)[:, None]
        half = 0.5 * (self.size - 1)
        taps = torch.exp(-0.5 * ((torch.arange(self.size, device=energy.device) - half) / (width * half)) ** 2)  # (F, W)
        frames = -(-energy.shape[-1] // self.hop)
        beyond = max((frames - 1) * self.hop + self.size - energy.shape[-1], 0)  # zeros, as many before as after
        padded = nn.functional.pad(energy, (beyond // 2, beyond - beyond // 2))
        pooled = nn.functional.conv1d(padded, taps[:, None], stride=self.hop, groups=len(taps))
        return pooled.transpose(1, 2)[:, :frames]


class Leaf(nn.Module):
    """Samples (B, N) at `rate`, full scale +-1 -> features (B, ceil(N / hop), F), differentiable down to the filters.

    window, hop: seconds. Starts as mel bands between low and high Hz; 7 F numbers are learned: 280 for 40 filters, 448 for 64.
    Every sample is filtered in every band, so it costs tens of times what a log-mel of one transform a frame does.
    """

    def __init__(
        self, filters: int = 40, *, rate: int = 16000, window: float = 0.025, hop: float = 0.01, low: float = 60.0, high: float = 7800.0
    ) -> None:
        super().__init__()
        size, step = round(rate * window) + 1, round(rate * hop)
        self.rate, self.mels, self.frame_rate = rate, filters, rate / step
        centre, deviation = mel_gabors(filters, rate=rate, low=low, high=high)
        self.filters = GaborFilters(centre, deviation, size=size)
        self.pooling = GaussianPooling(filters, size=size, hop=step)
        self.compression = Pcen(filters)

    def forward(self, samples: Tensor) -> Tensor:
        """samples (B, N)."""
        energy = self.pooling(self.filters(samples)).clamp(min=_LEAST_ENERGY)
        compressed: Tensor = self.compression(energy)
        return compressed
