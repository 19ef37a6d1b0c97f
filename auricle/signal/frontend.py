"""Front-ends: waveform in, log-mel features out, each a named preset of plain numbers (numpy; the torch twin is nn.spectral)."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from auricle.core.errors import InputError
from auricle.signal.mel import filterbank

_BLOCK = 64  # frames a block: 64 x 1024 float32 and its spectrum stay inside a core's L2 cache


@dataclasses.dataclass(frozen=True)
class Preset:
    """One front-end as data.

    rate: Hz. window: samples a frame, Hann, also the FFT length. hop: samples between frames. low, high: Hz.
    edge: what lies beyond the ends of the signal when frames are centred: 'reflect' or 'zero'.
    floor: smallest power before the logarithm; 1e-10 is -100 dB.
    """

    rate: int
    window: int
    hop: int
    mels: int
    low: float
    high: float
    scale: str = "slaney"
    norm: str | None = "slaney"
    edge: str = "reflect"
    floor: float = 1e-10

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.rate / self.hop


#: `laion-unfused` follows ClapFeatureExtractor(truncation="rand_trunc") of transformers: LAION-AI/CLAP's published settings.
PRESETS: dict[str, Preset] = {
    "auricle-16k": Preset(rate=16000, window=512, hop=320, mels=64, low=50, high=8000, edge="zero"),
    "laion-unfused": Preset(rate=48000, window=1024, hop=480, mels=64, low=50, high=14000),
}


def hann(length: int) -> np.ndarray:
    """Periodic Hann window, float32 (length,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


class Frontend:
    """Log-mel features of one preset. Frame t is centred on sample t * hop; there are 1 + N // hop frames."""

    def __init__(self, name: str) -> None:
        if name not in PRESETS:
            raise InputError(f"front-end {name!r} is unknown; wanted one of {', '.join(PRESETS)}")
        self.name = name
        self.preset = preset = PRESETS[name]
        self.rate, self.hop, self.mels, self.frame_rate = preset.rate, preset.hop, preset.mels, preset.frame_rate
        bank = filterbank(
            rate=preset.rate, fft=preset.window, mels=preset.mels, low=preset.low, high=preset.high, scale=preset.scale, norm=preset.norm
        )
        touched = np.flatnonzero(bank.any(axis=1))
        self._bins = slice(int(touched[0]), int(touched[-1]) + 1)  # bins that no filter touches are never squared
        # Real and imaginary parts lie side by side; a row of the bank for each lets one product sum both squares.
        self._bank = np.repeat(bank[self._bins], 2, axis=0)
        self._window = hann(preset.window)

    def frames(self, samples: int) -> int:
        """Number of frames of a signal of so many samples."""
        return 1 + samples // self.hop

    def features(self, samples: np.ndarray) -> np.ndarray:
        """Log-mel of a waveform.

        samples: float32 (N,) or (1, N) at `rate`, full scale +-1. Returns float32 (T, F), dB re full-scale power, at least -100.
        """
        power = self.power(samples)
        np.maximum(power, np.float32(self.preset.floor), out=power)
        np.log(power, out=power)  # numpy's float32 log runs on vector units, its log10 does not: ten times the speed
        power *= np.float32(10.0 / np.log(10.0))
        return power

    def power(self, samples: np.ndarray) -> np.ndarray:
        """Mel power before the logarithm, float32 (T, F). Powers of independent sounds add, which mixing relies on."""
        samples = np.asarray(samples, dtype=np.float32)
        if samples.ndim == 2 and samples.shape[0] == 1:
            samples = samples[0]
        if samples.ndim != 1 or not samples.size:
            raise InputError(f"front-end {self.name} got samples of shape {samples.shape}; wanted one channel (N,) with N >= 1")
        padded = self._padded(samples)
        total, window = self.frames(samples.size), self.preset.window
        strided = np.lib.stride_tricks.sliding_window_view(padded, window)[:: self.hop][:total]
        power = np.empty((total, self.mels), np.float32)
        block = np.empty((_BLOCK, window), np.float32)
        spectrum = np.empty((_BLOCK, window // 2 + 1), np.complex64)
        parts = spectrum.view(np.float32)[:, 2 * self._bins.start : 2 * self._bins.stop]
        squares = np.empty((_BLOCK, self._bank.shape[0]), np.float32)
        for start in range(0, total, _BLOCK):
            count = min(_BLOCK, total - start)
            np.multiply(strided[start : start + count], self._window, out=block[:count])
            np.fft.rfft(block[:count], axis=1, out=spectrum[:count])
            np.square(parts[:count], out=squares[:count])
            np.matmul(squares[:count], self._bank, out=power[start : start + count])
        return power

    def _padded(self, samples: np.ndarray) -> np.ndarray:
        half = self.preset.window // 2
        if self.preset.edge == "zero" or samples.size <= half:  # too short to reflect
            return np.pad(samples, half)
        return np.pad(samples, half, mode="reflect")


@functools.cache
def open_frontend(name: str) -> Frontend:
    """The front-end of that name, built once."""
    return Frontend(name)
