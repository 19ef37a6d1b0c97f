from __future__ import annotations

import numpy as np
import pytest

from recipes.synthetic import tones
from recipes.synthetic.sound import RATE


def strongest(samples: np.ndarray) -> float:
    return float(np.fft.rfftfreq(len(samples), 1 / RATE)[np.abs(np.fft.rfft(samples)).argmax()])


def test_a_sine_has_the_frequency_of_its_settings() -> None:
    sounds = [tones.tone(np.random.default_rng(seed), 2.0) for seed in range(20)]
    sines = [sound for sound in sounds if "sine wave" in sound.labels]
    assert len(sines) > 3
    for sound in sines:
        assert strongest(sound.samples) == pytest.approx(sound.settings["frequency_hz"], abs=1.5)


def test_hum_is_of_mains() -> None:
    for seed in range(6):
        sound = tones.hum(np.random.default_rng(seed), 3.0)
        ratio = strongest(sound.samples) / float(sound.settings["mains_hz"])
        assert ratio == pytest.approx(round(ratio), abs=0.02) and round(ratio) in range(1, 9)


def test_every_colour_of_noise_has_its_labels() -> None:
    found = {sound.settings["colour"]: sound.labels for sound in (tones.noise(np.random.default_rng(s), 0.5) for s in range(40))}
    assert found == {name: labels for name, (labels, _) in tones.COLOURS.items()}
