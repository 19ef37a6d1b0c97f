"""Sounds made by rule: the same from the same generator, not clipped, and what their physics says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from auricle.bench import made_sounds
from auricle.bench.made_sounds import RATE, Samples, strikes

MAKERS = ("alarm", "bells", "chord", "clicks", "engine", "hum", "knocks", "quiet_room", "rain", "siren", "syllables", "tone", "white_noise")


def made(name: str, seed: int = 0) -> Samples:
    maker: Callable[[np.random.Generator], Samples] = getattr(made_sounds, name)
    return maker(np.random.default_rng(seed))


def power(name: str, *, start: float = 0.0, length: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (Hz) and their share of the power of a stretch of the first channel."""
    part = made(name)[0, round(start * RATE) : round((start + length) * RATE)]
    found = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
    return np.fft.rfftfreq(len(part), 1 / RATE), found / found.sum()


@pytest.mark.parametrize("name", MAKERS)
def test_a_generator_decides_the_sound(name: str) -> None:
    first = made(name)
    assert first.ndim == 2 and np.isfinite(first).all() and np.abs(first).max() < 1.0 and np.abs(first).max() > 1e-3
    assert np.array_equal(first, made(name)) and not np.array_equal(first, made(name, seed=1))


def test_a_tone_and_hum_are_where_they_should_be() -> None:
    frequency, share = power("tone")
    assert share[np.abs(frequency - 1000) < 2].sum() > 0.99
    frequency, share = power("hum")
    assert share[np.abs((frequency + 25) % 50 - 25) < 2].sum() > 0.99


def test_white_noise_is_flat_and_a_quiet_room_is_quiet() -> None:
    frequency, share = power("white_noise")
    assert abs(share[frequency < 8000].sum() - 0.5) < 0.02
    level = 10 * np.log10(np.mean(made("quiet_room") ** 2))
    assert abs(level + 66) < 0.1


def test_resonances_are_at_the_formants() -> None:
    impulse = np.zeros(RATE)
    impulse[0] = 1.0
    response = np.abs(np.fft.rfft(made_sounds.resonant(impulse, (500.0, 1500.0))))
    near = [int(np.argmax(response[low:high])) + low for low, high in ((200, 1000), (1000, 2500))]  # bins of 1 Hz
    assert abs(near[0] - 500) < 20 and abs(near[1] - 1500) < 40


def test_cylinders_fire_at_their_angles() -> None:
    turns = 10 * np.arange(2 * RATE) / RATE  # ten turns a second
    struck = strikes(np.random.default_rng(0), turns, np.arange(4) / 2, jitter=0.0, spread=0.0)
    places = np.flatnonzero(struck)
    assert np.allclose(np.diff(places), RATE / 20, atol=1) and np.allclose(struck[places], 1.0)


def test_knocks_and_clicks_come_at_their_times() -> None:
    for name, onsets in (("knocks", (0.5, 2.2, 3.8)), ("clicks", (0.25, 1.25, 2.25))):
        sound = np.abs(made(name)[0])
        for onset in onsets:
            at = round(onset * RATE)
            assert sound[at - 500 : at + 3000].max() > 5 * sound[at - 4000 : at - 1200].max(), (name, onset)
