from __future__ import annotations

import numpy as np
import pytest

from recipes.synthetic import waveforms
from recipes.synthetic.sound import RATE


def level(samples: np.ndarray, low: float, high: float) -> float:
    """Power between two frequencies, dB."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(10 * np.log10(power[(frequency >= low) & (frequency < high)].sum()))


def test_harmonics_are_multiples_below_nyquist() -> None:
    samples = waveforms.harmonics(1000.0, [1.0] * 20, RATE)
    peaks = np.flatnonzero(np.abs(np.fft.rfft(samples)) > 0.4 * RATE)
    assert list(peaks) == [1000 * k for k in range(1, 15)]  # 15 kHz is above 0.45 of 32 kHz


@pytest.mark.parametrize("slope", [0.0, 3.0, 6.0])
def test_coloured_noise_falls_by_its_slope(slope: float) -> None:
    noise = waveforms.coloured(np.random.default_rng(0), 8 * RATE, slope)
    octaves = [level(noise, f, 2 * f) for f in (125, 500, 2000)]
    # An octave has twice the width of the one below: 3 dB more at equal density.
    assert np.diff(octaves) == pytest.approx([2 * (3.01 - slope)] * 2, abs=0.5)
    assert noise.std() == pytest.approx(1.0)


def test_band_keeps_a_band() -> None:
    noise = waveforms.white(np.random.default_rng(0), 4 * RATE)
    kept = waveforms.band(noise, 300.0, 3400.0, order=4)
    assert level(kept, 800, 1200) == pytest.approx(level(noise, 800, 1200), abs=0.2)
    assert level(kept, 50, 100) < level(noise, 50, 100) - 40 and level(kept, 9000, 12000) < level(noise, 9000, 12000) - 25


def test_convolution_is_linear_and_place_cuts_off() -> None:
    first, second = np.arange(1.0, 5.0), np.array([1.0, -2.0, 0.5])
    assert waveforms.convolve(first, second) == pytest.approx(np.convolve(first, second))
    placed = waveforms.place(6, [(4 / RATE, first), (-1.0, first), (1.0, first)])
    assert list(placed) == [0, 0, 0, 0, 1, 2]


def test_a_ring_decays_at_its_time_constant() -> None:
    sound = waveforms.ring([500.0], [0.1], [1.0], seconds=0.5)
    first, later = (np.abs(sound[round(t * RATE) :][: RATE // 100]).max() for t in (0.0, 0.2))
    assert later / first == pytest.approx(np.exp(-2.0), rel=0.05)


def test_gate_fade_and_drift() -> None:
    envelope = waveforms.gate([(0.5, True), (0.25, False)], 3 * RATE)
    assert envelope[RATE // 4] == pytest.approx(1.0) and envelope[round(0.6 * RATE)] == pytest.approx(0.0, abs=1e-9)
    faded = waveforms.fade(np.ones(RATE), 0.01)
    assert faded[0] == pytest.approx(0.0) and faded[-1] == pytest.approx(0.0) and faded[RATE // 2] == 1.0
    assert len(waveforms.drift(np.random.default_rng(0), 777, 2.0)) == 777
    assert waveforms.loudest(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
