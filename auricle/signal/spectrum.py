"""Mel power: the part of every front-end that costs time. In: a waveform (N,); out: power in mel bands (T, F), frame by frame."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

_BLOCK = 32  # frames a block: they and their spectrum stay in cache
_GROUP = 16  # filters a product: neighbours share few bins, so the rest of the bank is zeros; and small products stay on one thread


def _group(bank: np.ndarray, first: int) -> tuple[slice, slice, np.ndarray]:
    """Some neighbouring filters of a bank (bins, mels): the bins they touch, their columns, and that part of the bank."""
    mels = slice(first, min(first + _GROUP, bank.shape[1]))
    touched = np.flatnonzero(bank[:, mels].any(axis=1))
    bins = slice(int(touched[0]), int(touched[-1]) + 1) if touched.size else slice(0, 1)
    return bins, mels, np.ascontiguousarray(bank[bins, mels])


class _Workspace:
    """Work arrays for one block of frames, up to the energy of the bins that the bank reads."""

    def __init__(self, window: int, fft: int, bins: slice) -> None:
        # Double precision inside: numpy's double transform is no slower than its single one, and quiet bands beside loud ones stay exact.
        self.block = np.zeros((_BLOCK, fft))
        self.frames = self.block[:, :window]  # where the transform is longer than the window, the rest stays zero
        self.spectrum = np.empty((_BLOCK, fft // 2 + 1), np.complex128)
        self.parts = self.spectrum.view(np.float64)[:, 2 * bins.start : 2 * bins.stop]
        self.squares = np.empty(self.parts.shape, np.float32)  # real and imaginary parts side by side
        self.energy = np.empty((_BLOCK, bins.stop - bins.start), np.float32)


class MelPower:
    """Mel power of a waveform in frames.

    window (W,) is applied to each frame, bank (bins, F) to its power spectrum of 2 * (bins - 1) points. hop: samples between frames.
    edge 'reflect' or 'zero': frame t is centred on sample t * hop, there are 1 + N // hop; 'inside': frame t starts there, none is padded.
    clean, if given, cuts frames (T, W) from the samples ((T - 1) * hop + W,) that they cover, at that hop.
    """

    def __init__(
        self,
        window: np.ndarray,
        bank: np.ndarray,
        *,
        hop: int,
        edge: str,
        clean: Callable[[np.ndarray, np.ndarray, int], None] | None = None,
    ) -> None:
        self.hop, self.edge, self.clean = hop, edge, clean
        self.bins, self.mels = bank.shape
        touched = np.flatnonzero(bank.any(axis=1))
        self._bins = slice(int(touched[0]), int(touched[-1]) + 1) if touched.size else slice(0, 1)  # what no filter touches is not squared
        self._groups = [_group(bank[self._bins], first) for first in range(0, self.mels, _GROUP)]
        self._window = window.astype(np.float64)
        self._desks = threading.local()

    def frames(self, samples: int) -> int:
        """Number of frames of a signal of so many samples, at least one."""
        if self.edge == "inside":
            return 1 + max(0, samples - self._window.size) // self.hop
        return 1 + samples // self.hop

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Mel power, float32 (T, F), of samples float32 (N,)."""
        power = np.empty((self.frames(samples.size), self.mels), np.float32)
        if self.edge == "inside":
            short = self._window.size - samples.size
            self._transform(np.pad(samples, (0, short)) if short > 0 else samples, power)
            return power
        half, hop = self._window.size // 2, self.hop
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
        frames = np.lib.stride_tricks.sliding_window_view(samples, self._window.size)[:: self.hop]
        desk = self._desk()
        for start in range(0, len(power), _BLOCK):
            count = min(_BLOCK, len(power) - start)
            block, energy = desk.frames[:count], desk.energy[:count]
            if self.clean is None:
                block[:] = frames[start : start + count]
            else:
                self.clean(samples[start * self.hop :][: (count - 1) * self.hop + self._window.size], block, self.hop)
            block *= self._window
            np.fft.rfft(desk.block[:count], axis=1, out=desk.spectrum[:count])
            squares = desk.squares[:count]
            squares[:] = desk.parts[:count]
            np.square(squares, out=squares)
            np.add(squares[:, ::2], squares[:, 1::2], out=energy)
            for bins, mels, bank in self._groups:
                np.matmul(energy[:, bins], bank, out=power[start : start + count, mels])

    def _desk(self) -> _Workspace:
        """This thread's work arrays: fresh ones for every call would cost more than filling them."""
        desk = getattr(self._desks, "desk", None)
        if desk is None:
            desk = self._desks.desk = _Workspace(self._window.size, 2 * (self.bins - 1), self._bins)
        return desk

    def _beyond(self, samples: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Samples start to stop, which may lie beyond the ends: mirrored or zero there, as the edge says."""
        places = np.arange(start, stop)
        if self.edge == "reflect" and samples.size > self._window.size // 2:  # what is shorter cannot be mirrored
            last = samples.size - 1
            return np.asarray(samples[last - np.abs(last - np.abs(places))])
        inside = (places >= 0) & (places < samples.size)
        found = np.zeros(len(places), np.float32)
        found[inside] = samples[places[inside]]
        return found
