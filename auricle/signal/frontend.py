"""Front-ends: waveform in, log-mel features out, each a named preset of plain numbers (numpy; the torch twin is nn.spectral)."""

from __future__ import annotations

import dataclasses
import functools
import threading

import numpy as np

from auricle.core.errors import InputError
from auricle.signal.mel import filterbank

_BLOCK = 32  # frames a block: they and their spectrum stay in cache
_GROUP = 16  # filters a product: neighbours share few bins, so the rest of the bank is zeros; and small products stay on one thread


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


def _group(bank: np.ndarray, first: int) -> tuple[slice, slice, np.ndarray]:
    """Some neighbouring filters of a bank (bins, mels): the bins they touch, their columns, and that part of the bank."""
    mels = slice(first, min(first + _GROUP, bank.shape[1]))
    touched = np.flatnonzero(bank[:, mels].any(axis=1))
    bins = slice(int(touched[0]), int(touched[-1]) + 1) if touched.size else slice(0, 1)
    return bins, mels, np.ascontiguousarray(bank[bins, mels])


class _Desk:
    """Work arrays for one block of frames, up to the energy of the bins that the bank reads."""

    def __init__(self, window: int, bins: slice) -> None:
        # Double precision inside: numpy's double transform is no slower than its single one, and quiet bands beside loud ones stay exact.
        self.block = np.empty((_BLOCK, window))
        self.spectrum = np.empty((_BLOCK, window // 2 + 1), np.complex128)
        self.parts = self.spectrum.view(np.float64)[:, 2 * bins.start : 2 * bins.stop]
        self.squares = np.empty(self.parts.shape, np.float32)  # real and imaginary parts side by side
        self.energy = np.empty((_BLOCK, bins.stop - bins.start), np.float32)


class Frontend:
    """Log-mel features of one preset. Frame t is centred on sample t * hop; there are 1 + N // hop frames."""

    def __init__(self, name: str) -> None:
        if name not in PRESETS:
            raise InputError(f"front-end {name!r} is unknown; wanted one of {', '.join(PRESETS)}")
        self.name = name
        self.preset = preset = PRESETS[name]
        self.rate, self.hop, self.mels, self.frame_rate = preset.rate, preset.hop, preset.mels, preset.frame_rate
        bank = filterbank(
            rate=preset.rate,
            fft=preset.window,
            mels=preset.mels,
            low=preset.low,
            high=preset.high,
            scale=preset.scale,
            norm=preset.norm,
        )
        touched = np.flatnonzero(bank.any(axis=1))
        self._bins = slice(int(touched[0]), int(touched[-1]) + 1)  # bins that no filter touches are never squared
        self._groups = [_group(bank[self._bins], first) for first in range(0, preset.mels, _GROUP)]
        self._window = hann(preset.window).astype(np.float64)
        self._desks = threading.local()

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
        power = np.empty((self.frames(samples.size), self.mels), np.float32)
        half, hop = self.preset.window // 2, self.hop
        head = min(-(-half // hop), len(power))  # frames that reach over the start
        tail = max(
            head, min(len(power), (samples.size - half) // hop + 1 if samples.size >= half else 0)
        )  # first that reaches over the end
        if tail > head:
            self._transform(samples[head * hop - half :], power[head:tail])
        if head:
            self._transform(self._beyond(samples, -half, head * hop + half), power[:head])
        if tail < len(power):
            self._transform(self._beyond(samples, tail * hop - half, len(power) * hop + half), power[tail:])
        return power

    def _transform(self, samples: np.ndarray, power: np.ndarray) -> None:
        """Mel power of the frames that start at sample 0, hop, 2 hop ... into power (T, F)."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.preset.window)[:: self.hop]
        desk = self._desk()
        for start in range(0, len(power), _BLOCK):
            count = min(_BLOCK, len(power) - start)
            block, energy = desk.block[:count], desk.energy[:count]
            block[:] = frames[start : start + count]
            block *= self._window
            np.fft.rfft(block, axis=1, out=desk.spectrum[:count])
            squares = desk.squares[:count]
            squares[:] = desk.parts[:count]
            np.square(squares, out=squares)
            np.add(squares[:, ::2], squares[:, 1::2], out=energy)
            for bins, mels, bank in self._groups:
                np.matmul(energy[:, bins], bank, out=power[start : start + count, mels])

    def _desk(self) -> _Desk:
        """This thread's work arrays: fresh ones for every call would cost more than filling them."""
        desk = getattr(self._desks, "desk", None)
        if desk is None:
            desk = self._desks.desk = _Desk(self.preset.window, self._bins)
        return desk

    def _beyond(self, samples: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Samples start to stop, which may lie beyond the ends: mirrored or zero there, as the preset says."""
        places = np.arange(start, stop)
        if self.preset.edge == "reflect" and samples.size > self.preset.window // 2:  # what is shorter cannot be mirrored
            last = samples.size - 1
            return np.asarray(samples[last - np.abs(last - np.abs(places))])
        inside = (places >= 0) & (places < samples.size)
        found = np.zeros(len(places), np.float32)
        found[inside] = samples[places[inside]]
        return found


@functools.cache
def open_frontend(name: str) -> Frontend:
    """The front-end of that name, built once."""
    return Frontend(name)
