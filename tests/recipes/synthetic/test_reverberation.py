from __future__ import annotations

import numpy as np
import pytest

from recipes.synthetic import reverberation
from recipes.synthetic.sound import RATE
from recipes.synthetic.waveforms import band


@pytest.mark.parametrize("rt60", [0.3, 0.8, 1.5])
def test_a_room_decays_in_its_reverberation_time(rt60: float) -> None:
    response = band(reverberation.response(np.random.default_rng(0), rt60, direct=0.0), 1000.0, 2800.0)
    energy = np.cumsum(response[::-1] ** 2)[::-1]  # backward integration, Schroeder 1965
    decay = 10 * np.log10(energy / energy[0] + 1e-12)
    fit = (decay < -5) & (decay > -25)
    slope = np.polyfit(np.flatnonzero(fit) / RATE, decay[fit], 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.25)


def test_the_direct_sound_comes_first_and_as_loud_as_asked() -> None:
    for direct in (0.0, 12.0):
        response = reverberation.response(np.random.default_rng(1), 0.6, direct=direct)
        assert response[0] == pytest.approx(1.0)
        late = np.sum(response[round(0.03 * RATE) :] ** 2)
        assert 10 * np.log10(1 / late) == pytest.approx(direct, abs=4)
