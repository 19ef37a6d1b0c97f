from __future__ import annotations

import numpy as np
import pytest

from recipes.synthetic import augmentation
from recipes.synthetic.augmentation import STORED_RATE, Background, Treatment
from recipes.synthetic.sound import RATE

NOTHING = Treatment(room=0.0, ambience=0.0, band=0.0, codec=0.0)


def tone(seconds: float = 2.0) -> np.ndarray:
    return np.sin(2 * np.pi * 1000 * np.arange(round(seconds * RATE)) / RATE)


def power(samples: np.ndarray, low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / STORED_RATE)
    return float(spectrum[(frequency >= low) & (frequency < high)].sum())


def test_a_level_is_that_of_the_loudest_tenth_of_a_second() -> None:
    treatment = Treatment(room=0.0, ambience=0.0, band=0.0, codec=0.0, level=(-20.0, -20.0))
    samples, applied, background = augmentation.augmented(np.random.default_rng(0), np.pad(tone(), RATE), treatment)
    assert len(samples) == 4 * STORED_RATE and background is None and applied == {"level": "-20.0 dBFS"}
    assert 10 * np.log10(np.mean(samples[2 * STORED_RATE : 2 * STORED_RATE + 1600] ** 2)) == pytest.approx(-20.0, abs=0.1)
    peaks = np.zeros(2 * RATE)
    peaks[::5000] = 1.0
    loud, _, _ = augmentation.augmented(
        np.random.default_rng(0), peaks, Treatment(0.0, ambience=0.0, band=0.0, codec=0.0, level=(-3.0, -3.0))
    )
    assert np.abs(loud).max() == pytest.approx(0.95)


@pytest.mark.parametrize("seed", range(12))
def test_everything_at_once_keeps_length_and_range(seed: int) -> None:
    samples, applied, _ = augmentation.augmented(np.random.default_rng(seed), tone(1.3), Treatment(1.0, ambience=1.0, band=1.0, codec=1.0))
    assert len(samples) == round(1.3 * STORED_RATE) and np.abs(samples).max() <= 1.0 and np.isfinite(samples).all()
    assert list(applied) == ["room", "ambience", "band", "level", "codec"]


def test_recorded_ambience_is_mixed_at_its_ratio_and_reported() -> None:
    noise = Background(np.random.default_rng(1).standard_normal(3 * RATE), ("rain",), "ambience/rain.flac", "CC0", "someone", 1)
    treatment = Treatment(room=0.0, ambience=1.0, snr=(20.0, 20.0), band=0.0, codec=0.0)
    found = [augmentation.augmented(np.random.default_rng(seed), tone(), treatment, [noise]) for seed in range(12)]
    assert {background for _, _, background in found} == {None, noise}
    samples, applied, _ = next(one for one in found if one[2] is noise)
    assert applied["ambience"] == "ambience/rain.flac at 20 dB"
    # Half of the noise of 0 to 16 kHz is above the stored band.
    ratio = power(samples, 990, 1010) / (power(samples, 0, 990) + power(samples, 1010, 8000))
    assert 10 * np.log10(ratio) == pytest.approx(23.0, abs=0.7)
    quiet = Treatment(room=0.0, ambience=1.0, snr=(30.0, 30.0), band=0.0, codec=0.0)
    assert all(augmentation.augmented(np.random.default_rng(seed), tone(), quiet, [noise])[2] is None for seed in range(8))


def test_a_telephone_passes_its_band() -> None:
    sounds = np.random.default_rng(0).standard_normal(2 * RATE)
    treatment = Treatment(room=0.0, ambience=0.0, band=1.0, codec=0.0)
    found = [augmentation.augmented(np.random.default_rng(seed), sounds, treatment) for seed in range(16)]
    samples = next(samples for samples, applied, _ in found if applied["band"] == "telephone")
    assert power(samples, 20, 150) / 130 < 1e-2 * power(samples, 900, 1100) / 200
    assert power(samples, 6000, 7500) / 1500 < 1e-2 * power(samples, 900, 1100) / 200


@pytest.mark.parametrize("name", augmentation.CODECS)
def test_codecs_keep_a_tone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "CODECS", {name: augmentation.CODECS[name]})
    samples = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(2 * STORED_RATE) / STORED_RATE)
    coded, applied = augmentation._coded(np.random.default_rng(0), samples)
    assert applied.startswith(name) and applied.endswith("kbit/s") and len(coded) == len(samples)
    assert power(coded, 980, 1020) > 0.9 * power(coded, 0, 8000) and 0.2 < np.abs(coded[8000:24000]).max() < 0.45
