"""Mel power spectrogram of a waveform: framing, FFT and filterbank, in blocks of frames that fit into the CPU cache."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

_BLOCK = 32  # frames per block: they and their spectrum fit into the cache
_GROUP = 16  # filters per matrix product: most of the bank is zeros, and small products use one thread


def _group(bank: np.ndarray, first: int) -> tuple[slice, slice, np.ndarray]:
    """A group of neighbouring filters of a bank (bins, mels): their non-zero bins, their columns, and that part of the bank."""
    mels = slice(first, min(first + _GROUP, bank.shape[1]))
    used = np.flatnonzero(bank[:, mels].any(axis=1))
    bins = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
    return bins, mels, np.ascontiguousarray(bank[bins, mels])


class _Workspace:
    """Preallocated arrays for one block of frames."""

    def __init__(self, window: int, fft: int, bins: slice) -> None:
        # Double precision: numpy's double FFT is as fast as its single one, and quiet bands next to loud ones stay exact.
        self.block = np.zeros((_BLOCK, fft))
        self.frames = self.block[:, :window]  # an FFT longer than the window is zero-padded
        self.spectrum = np.empty((_BLOCK, fft // 2 + 1), np.complex128)
        self.parts = self.spectrum.view(np.float64)[:, 2 * bins.start : 2 * bins.stop]
        self.squares = np.empty(self.parts.shape, np.float32)  # real and imaginary parts interleaved
        self.energy = np.empty((_BLOCK, bins.stop - bins.start), np.float32)


class MelPower:
    """Computes the mel power spectrogram of a waveform.

    window: (W,), applied to each frame. bank: (bins, F), applied to its power spectrum; the FFT has 2 * (bins - 1) points. hop: samples
    between frames. edge: padding mode: 'reflect' or 'zero': frame t is centred on sample t * hop, 1 + N // hop frames; 'inside': frame t
    starts there, without padding. extract: fills frames (T, W) from the samples ((T - 1) * hop + W,); None: plain frames.
    """

    def __init__(
        self,
        window: np.ndarray,
        bank: np.ndarray,
        *,
        hop: int,
        edge: str,
        extract: Callable[[np.ndarray, np.ndarray, int], None] | None = None,
    ) -> None:
        self.hop, self.edge, self.extract = hop, edge, extract
        self.bins, self.mels = bank.shape
        used = np.flatnonzero(bank.any(axis=1))
        self._bins = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)  # bins without a filter are not squared
        self._groups = [_group(bank[self._bins], first) for first in range(0, self.mels, _GROUP)]
        self._window = window.astype(np.float64)
        self._workspaces = threading.local()

    def frames(self, samples: int) -> int:
        """Number of frames of a signal of this many samples, at least one."""
        if self.edge == "inside":
            return 1 + max(0, samples - self._window.size) // self.hop
        return 1 + samples // self.hop

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Compute the mel power, float32 (T, F), of samples, float32 (N,)."""
        power = np.empty((self.frames(samples.size), self.mels), np.float32)
        if self.edge == "inside":
            short = self._window.size - samples.size
            self._transform(np.pad(samples, (0, short)) if short > 0 else samples, power)
            return power
        half, hop = self._window.size // 2, self.hop
        head = min(-(-half // hop), len(power))  # number of frames that extend beyond the start
        tail = max(
            head, min(len(power), (samples.size - half) // hop + 1 if samples.size >= half else 0)
        )  # first frame that extends beyond the end
        if tail > head:
            self._transform(samples[head * hop - half :], power[head:tail])
        if head:
            self._transform(self._padded(samples, -half, head * hop + half), power[:head])
        if tail < len(power):
            self._transform(self._padded(samples, tail * hop - half, len(power) * hop + half), power[tail:])
        return power

    def _transform(self, samples: np.ndarray, power: np.ndarray) -> None:
        """Compute the mel power of the frames that start at samples 0, hop, 2 hop ... into power (T, F)."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, self._window.size)[:: self.hop]
        workspace = self._workspace()
        for start in range(0, len(power), _BLOCK):
            count = min(_BLOCK, len(power) - start)
            block, energy = workspace.frames[:count], workspace.energy[:count]
            if self.extract is None:
                block[:] = frames[start : start + count]
            else:
                self.extract(samples[start * self.hop :][: (count - 1) * self.hop + self._window.size], block, self.hop)
            block *= self._window
            np.fft.rfft(workspace.block[:count], axis=1, out=workspace.spectrum[:count])
            squares = workspace.squares[:count]
            squares[:] = workspace.parts[:count]
            np.square(squares, out=squares)
            np.add(squares[:, ::2], squares[:, 1::2], out=energy)
            for bins, mels, bank in self._groups:
                np.matmul(energy[:, bins], bank, out=power[start : start + count, mels])

    def _workspace(self) -> _Workspace:
        """The arrays of this thread, allocated once: allocation per call would take longer than filling them."""
        workspace = getattr(self._workspaces, "workspace", None)
        if workspace is None:
            workspace = self._workspaces.workspace = _Workspace(self._window.size, 2 * (self.bins - 1), self._bins)
        return workspace

    def _padded(self, samples: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Samples start to stop, padded beyond the ends by reflection or zeros."""
        indices = np.arange(start, stop)
        if self.edge == "reflect" and samples.size > self._window.size // 2:  # shorter signals cannot be reflected
            last = samples.size - 1
            return np.asarray(samples[last - np.abs(last - np.abs(indices))])
        valid = (indices >= 0) & (indices < samples.size)
        padded = np.zeros(len(indices), np.float32)
        padded[valid] = samples[indices[valid]]
        return padded
