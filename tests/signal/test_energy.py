"""The share of energy above the band, against sounds whose energy is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from auricle.core.records import Clip
from auricle.signal.streaming import stream_clip


def tone(hertz: float, level: float, rate: int, seconds: float = 4.0) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [44_100, 96_000, 192_000, 384_000])
@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (1.0, 3.0), (0.0, 1.0), (1.0, 0.0)])
def test_energy_above_half_of_the_rate(rate: int, low: float, high: float) -> None:
    samples = tone(1000, 0.1 * low, rate) + tone(0.45 * rate, 0.1 * high, rate) + 0.3
    windows = stream_clip(Clip(samples, rate), rate=16_000, seconds=1.0, context=0.1)
    shares = [window.energy_in_band for window in windows]
    wanted = high**2 / (low**2 + high**2)
    assert windows.energy_above == pytest.approx(wanted, abs=0.01)
    assert shares[1:-1] == pytest.approx([1 - wanted] * len(shares[1:-1]), abs=0.01)


def test_energy_above_a_band_that_ends_below_half_of_the_rate() -> None:
    samples = tone(1000, 0.1, 32_000) + tone(15_000, 0.1, 32_000)
    for rate, high, wanted in ((32_000, 14_000, 0.5), (32_000, 15_500, 0.0), (48_000, 14_000, 0.5), (16_000, math.inf, 0.5)):
        windows = stream_clip(Clip(samples, 32_000), rate=rate, seconds=1.0, high=high)
        assert len(list(windows)) == 4 and windows.energy_above == pytest.approx(wanted, abs=0.01)


def test_where_nothing_is_left_out_nothing_is_above() -> None:
    for rate in (8_000, 16_000):
        windows = stream_clip(Clip(tone(3000, 0.1, rate), rate), rate=16_000, seconds=1.0, high=8_000)
        assert all(window.energy_in_band == 1.0 for window in windows) and windows.energy_above == 0.0


def test_each_window_has_its_own_share() -> None:
    rate = 96_000
    samples = np.concatenate([tone(30_000, 0.1, rate, 2.0), tone(1000, 0.1, rate, 2.0)])
    shares = [window.energy_in_band for window in stream_clip(Clip(samples, rate), rate=16_000, seconds=0.5)]
    assert max(shares[:3]) < 1e-3 and min(shares[5:]) > 0.99
