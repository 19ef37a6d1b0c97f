from __future__ import annotations

import numpy as np
import pytest

from recipes.synthetic import alarms
from recipes.synthetic.sound import RATE


def test_telephone_tones_have_the_frequencies_of_their_network() -> None:
    busy = [s for s in (alarms.telephone(np.random.default_rng(seed), 2.0) for seed in range(40)) if s.settings["form"] == "busy signal"]
    assert busy
    for sound in busy:
        spectrum = np.abs(np.fft.rfft(sound.samples))
        strongest = np.fft.rfftfreq(len(sound.samples), 1 / RATE)[spectrum.argmax()]
        assert any(strongest == pytest.approx(tone, abs=6) for _, tones, _, _ in alarms.NETWORKS for tone in tones)


def test_a_source_that_passes_falls_in_pitch_and_is_loudest_when_it_is_near() -> None:
    shift, gain = alarms.passing_by(np.random.default_rng(0), 6.0)
    assert shift[0] > 1.0 > shift[-1] and np.all(np.diff(shift) <= 1e-9)
    assert 0 < gain.argmax() < len(gain) - 1 and gain.max() <= 1.0


def test_a_hammered_bell_is_struck_as_often_as_asked() -> None:
    bell = alarms.hammered_bell(np.random.default_rng(0), 3.0, 800.0, 10.0)
    envelope = np.abs(bell).reshape(-1, RATE // 100).max(axis=1)
    spectrum = np.abs(np.fft.rfft(envelope - envelope.mean()))
    assert np.fft.rfftfreq(len(envelope), 0.01)[spectrum.argmax()] == pytest.approx(10.0, abs=0.5)
