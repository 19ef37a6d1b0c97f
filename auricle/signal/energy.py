"""How much of a recording's energy lies in the band that a model covers: what lies above is not heard, and the answer says so."""

from __future__ import annotations

import collections
import math

import numpy as np

from auricle.signal.reader import Samples


class Energy:
    """Energy (power x seconds, without a constant offset) of a recording, and what of it lies in the band that is heard.

    source, target: Hz before and after the rate is changed. high: upper edge of the band, Hz; none by default.
    """

    def __init__(self, source: int, target: int, high: float = math.inf) -> None:
        self._source, self._target, self._high = source, target, high
        self._blocks: collections.deque[tuple[float, float, float]] = collections.deque()  # start (s), end (s), energy
        self._end = 0.0
        self._whole = self._held = 0.0  # of all windows

    @property
    def above(self) -> float:
        """Share of the windows' energy that lies above the band, 0 to 1."""
        return max(0.0, 1.0 - self._held / self._whole) if self._whole > 0 else 0.0

    def add(self, block: Samples) -> None:
        """The next samples (C, n) at the source rate."""
        if self._source != self._target:
            start, self._end = self._end, self._end + block.shape[1] / self._source
            self._blocks.append((start, self._end, _power(block) * (self._end - start)))

    def inside(self, window: Samples, start: float) -> float:
        """Share (0 to 1) of the energy of the resampled window (C, m) from `start` (s) on that is in the band. Windows come in order."""
        narrow = self._high < 0.49 * min(self._source, self._target)
        if not window.size or not (narrow or self._source > self._target):
            return 1.0
        seconds = window.shape[1] / self._target
        held = whole = _power(window) * seconds
        if self._source != self._target:
            whole = self._between(start, start + seconds)
        if narrow and held > 0:
            held *= self._share_below(window)
        held = min(whole, held)
        self._whole, self._held = self._whole + whole, self._held + held
        return held / whole if whole > 0 else 1.0

    def _between(self, start: float, end: float) -> float:
        """Energy from `start` to `end` (s) before the rate was changed; what lies before is forgotten."""
        while self._blocks and self._blocks[0][1] <= start:
            self._blocks.popleft()
        return sum(energy * max(0.0, min(end, b) - max(start, a)) / (b - a) for a, b, energy in self._blocks if a < end)

    def _share_below(self, window: Samples) -> float:
        """Share of a window's energy below the upper edge of the band."""
        spectrum = np.fft.rfft(window - window.mean(axis=1, keepdims=True), axis=1)
        power = np.square(np.abs(spectrum)).sum(axis=0, dtype=np.float64)
        edge = int(self._high * window.shape[1] / self._target) + 1
        return float(power[:edge].sum() / max(float(power.sum()), 1e-30))


def _power(samples: Samples) -> float:
    """Mean power of samples (C, n), the mean of each channel taken off."""
    centred = samples - samples.mean(axis=1, keepdims=True)
    return float(np.vdot(centred, centred) / samples.shape[1])
