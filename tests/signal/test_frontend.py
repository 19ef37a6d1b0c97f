"""Front-ends: against the torch twin, and on the properties that every preset keeps."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.signal.frontend import PRESETS, Frontend
from auricle.signal.mel import filterbank, hz_to_mel, mel_to_hz


def sound(seconds: float, rate: int) -> np.ndarray:
    """A sweep with decaying clicks over faint noise: loud and very quiet bands in the same frame."""
    times = np.arange(round(seconds * rate)) / rate
    sweep = 0.4 * np.sin(2 * np.pi * (100 * times + 900 * times**2))
    clicks = np.where(times % 0.5 < 0.004, 0.8, 0.0) * np.exp(-8 * (times % 0.5))
    noise = 1e-4 * np.random.default_rng(0).standard_normal(times.size)
    return (sweep + clicks + noise).astype(np.float32)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.is_plain_log_mel])
def test_the_torch_twin_gives_the_same_decibels(name: str) -> None:
    torch = pytest.importorskip("torch")
    from auricle.models.torch_frontend import torch_frontend

    front = Frontend(name)
    samples = sound(3.1, front.rate)
    ours, theirs = front.features(samples), torch_frontend(name)(torch.from_numpy(samples)[None])[0].numpy()
    gap = np.abs(ours - theirs)
    near = ours > ours.max(axis=1, keepdims=True) - 60.0
    assert gap[near].max() < 1e-3
    assert gap.max() < 1e-2


@pytest.mark.parametrize("scale", ["slaney", "htk", "kaldi"])
def test_mel_and_back(scale: str) -> None:
    hertz = np.linspace(0, 8000, 101)
    assert np.allclose(mel_to_hz(hz_to_mel(hertz, scale=scale), scale=scale), hertz, atol=1e-6)


def test_slaney_triangles_have_unit_area_in_hertz() -> None:
    bank = filterbank(rate=16000, fft=8192, mels=20, low=50, high=8000, scale="slaney", norm="slaney")
    assert np.allclose(bank.sum(axis=0) * 16000 / 8192, 1.0, atol=0.03)


def test_gain_moves_every_band_alike() -> None:
    front, samples = Frontend("auricle-16k"), sound(1.0, 16000)
    moved = front.features(0.5 * samples) - front.features(samples)
    audible = front.features(samples) > -80.0
    assert np.allclose(moved[audible], 20 * np.log10(0.5), atol=1e-3)


@pytest.mark.parametrize("count", [1, 255, 256, 319, 320, 321, 16000])
def test_frames_of_any_length(count: int) -> None:
    front = Frontend("auricle-16k")
    features = front.features(np.full(count, 0.1, np.float32))
    assert features.shape == (1 + count // 320, 64)
    assert np.isfinite(features).all()


def test_silence_is_the_floor() -> None:
    assert np.allclose(Frontend("auricle-16k").features(np.zeros(1000, np.float32)), -100.0, atol=1e-4)


def test_a_frame_does_not_depend_on_what_lies_far_away() -> None:
    front, samples = Frontend("auricle-16k"), sound(2.0, 16000)
    assert np.array_equal(front.features(samples)[:40], front.features(samples[:16000])[:40])


def test_several_channels_and_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="one channel"):
        Frontend("auricle-16k").features(np.zeros((2, 100), np.float32))
    with pytest.raises(InputError, match="wanted one of"):
        Frontend("whisper")


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.kind == "mel"])
def test_features_are_those_of_the_power(name: str) -> None:
    frontend = Frontend(name)
    samples = 0.1 * np.random.default_rng(0).standard_normal(2 * frontend.rate).astype(np.float32)
    power = frontend.power(
        np.pad(samples, (0, frontend.preset.window)) if frontend.preset.padding == "silence" and frontend.fixed_frames else samples
    )
    before = power.copy()
    np.testing.assert_allclose(frontend.from_power(power), frontend.features(samples), atol=2e-4)
    assert np.array_equal(power, before)


def test_centres_rise_within_the_band() -> None:
    frontend = Frontend("mobilenet-32k")
    low, high = frontend.band
    assert np.all(np.diff(frontend.centres) >= 0) and low <= frontend.centres[0] and frontend.centres[-1] <= high
    with pytest.raises(InputError, match="no bands"):
        _ = Frontend("raw-16k").centres
    with pytest.raises(InputError, match="log-mel"):
        Frontend("laion-fused").from_power(np.zeros((10, 64), np.float32))
