"""Presets: each gives features of any clip, the same every time and on every thread; a checkpoint's own bank and window win over it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.signal.banks import closest_preset, mel_bank
from auricle.signal.frontend import Frontend, open_frontend
from auricle.signal.presets import PRESETS
from auricle.signal.tapers import taper

MELS = [name for name, preset in PRESETS.items() if preset.kind != "raw"]
FIXED = {
    "laion-fused": 1001,
    "kaldi-ast": 1024,
    "kaldi-ast-esc50": 512,
    "kaldi-ast-commands": 128,
    "kaldi-ltu": 1024,
    "whisper-80": 3000,
    "whisper-128": 3000,
}


def noise(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(max(1, round(seconds * rate)))).astype(np.float32)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.3, 1.7, 11.0])
def test_any_length_gives_finite_features_of_the_told_shape(name: str, seconds: float) -> None:
    front = open_frontend(name)
    samples = noise(seconds, front.rate)
    features = front.features(samples)
    assert features.dtype == np.float32 and np.isfinite(features).all()
    shape = {"mel": (front.frames(samples.size), front.mels), "stack": (4, front.frames(samples.size), front.mels), "raw": samples.shape}
    assert features.shape == shape[front.preset.kind]
    assert front.fixed_frames in (None, front.frames(samples.size))
    assert np.isfinite(front.features(np.zeros_like(samples))).all()


@pytest.mark.parametrize(("name", "frames"), FIXED.items())
def test_fixed_lengths(name: str, frames: int) -> None:
    front = open_frontend(name)
    assert front.fixed_frames == frames == front.features(noise(0.5, front.rate)).shape[-2]


def test_frames_that_lie_inside_only() -> None:
    front = open_frontend("kaldi-beats")
    assert [front.frames(count) for count in (1, 400, 559, 560, 160000)] == [1, 1, 1, 2, 998]


def test_what_a_fixed_length_is_filled_with() -> None:
    samples = noise(1.0, 16000)
    ast, whisper = (open_frontend(name).features(samples) for name in ("kaldi-ast", "whisper-80"))
    assert np.allclose(ast[98:], 4.2677393 / (2 * 4.5689974)) and ast[:98].std() > 0.01
    assert np.allclose(whisper[102:], whisper.min()) and np.isclose(whisper.max() - whisper.min(), 2.0)


def test_a_clip_beyond_the_fixed_length_loses_its_end() -> None:
    samples = noise(31.0, 16000)
    assert np.array_equal(open_frontend("whisper-80").features(samples), open_frontend("whisper-80").features(samples[:480000]))
    assert np.array_equal(open_frontend("kaldi-ast").features(samples), open_frontend("kaldi-ast").features(samples[: 1024 * 160 + 400]))


@pytest.mark.parametrize("name", PRESETS)
def test_threads_and_repeats_give_the_same_bits(name: str) -> None:
    front = Frontend(name)
    clips = [noise(0.2 + 0.3 * seed, front.rate, seed) for seed in range(6)]
    alone = [open_frontend(name).features(clip) for clip in clips]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(front.features, clips * 3))
    assert all(np.array_equal(one, other) for one, other in zip(alone * 3, together, strict=True))


def test_input_is_left_alone() -> None:
    for name in PRESETS:
        samples = noise(0.3, PRESETS[name].rate)
        before = samples.copy()
        open_frontend(name).features(samples)
        assert np.array_equal(samples, before), name


@pytest.mark.parametrize("name", MELS)
def test_the_presets_own_bank_and_window_change_nothing(name: str) -> None:
    front = open_frontend(name)
    own = open_frontend(name, front.bank, front.window)
    samples = noise(0.4, front.rate)
    assert own is not front and open_frontend(name) is front
    assert np.array_equal(own.features(samples), front.features(samples))


def test_a_bank_with_other_bands_is_used() -> None:
    front = open_frontend("panns-32k", bank=np.eye(513, dtype=np.float32)[:, 100:103])
    tone = np.sin(2 * np.pi * 101 * 32000 / 1024 * np.arange(32000) / 32000).astype(np.float32)
    features = front.features(tone)
    assert features.shape == (101, 3) and front.mels == 3
    assert (features[5:-5].argmax(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("name", "bank", "window", "message"),
    [
        ("panns-32k", np.ones((257, 64)), None, r"mel bank of front-end panns-32k has shape \(257, 64\); wanted \(513, any\)"),
        ("panns-32k", np.ones(513), None, r"has shape \(513,\)"),
        ("panns-32k", np.full((513, 64), np.nan), None, "finite"),
        ("panns-32k", None, np.ones(512), r"window of front-end panns-32k has shape \(512,\); wanted \(1024\)"),
        ("raw-16k", np.ones((513, 64)), None, "raw waveform"),
    ],
)
def test_banks_and_windows_that_do_not_fit_are_refused(name: str, bank: np.ndarray | None, window: np.ndarray | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_frontend(name, bank, window)


def test_a_raw_waveform_has_no_power() -> None:
    with pytest.raises(InputError, match="raw waveform"):
        open_frontend("raw-16k").power(np.ones(100, np.float32))


@pytest.mark.parametrize("name", MELS)
def test_a_bank_is_known_again(name: str) -> None:
    bank = mel_bank(PRESETS[name])
    rounded = bank * (1 + 1e-7 * np.random.default_rng(0).standard_normal(bank.shape))
    match = closest_preset(rounded, rate=PRESETS[name].rate)
    assert match.name is not None and np.array_equal(mel_bank(PRESETS[match.name]), bank)
    assert match.difference < 1e-6


def test_another_rates_bank_is_told_from_ones_own() -> None:
    ours, theirs = mel_bank(PRESETS["msclap-2023"]), mel_bank(PRESETS["msclap-2022"])
    assert np.array_equal(ours, mel_bank(PRESETS["panns-32k"]))
    assert closest_preset(theirs, rate=44100) == ("msclap-2022", 0.0)
    assert closest_preset(ours, rate=44100) == ("msclap-2023", 0.0)
    assert np.abs(ours - theirs).max() > 0.1 * theirs.max()
    strange = closest_preset(np.random.default_rng(0).random((513, 64)))
    assert strange.name is not None and strange.difference > 1e-2
    assert closest_preset(np.ones((513, 7))) == (None, float("inf"))
    with pytest.raises(InputError, match="bins, mels"):
        closest_preset(np.ones(513))


def test_windows() -> None:
    scipy = pytest.importorskip("scipy.signal")
    assert np.allclose(taper("hann", 400), scipy.get_window("hann", 400), atol=1e-7)
    assert np.allclose(taper("symmetric", 400), scipy.windows.hann(400), atol=1e-7)
    assert np.allclose(taper("povey", 400), scipy.windows.hann(400) ** 0.85, atol=1e-7)
    with pytest.raises(InputError, match="unknown"):
        taper("flat", 400)


def test_presets_that_have_no_torch_twin_say_so() -> None:
    pytest.importorskip("torch")
    from auricle.models.torch_frontend import torch_frontend

    assert [name for name, preset in PRESETS.items() if preset.is_plain_log_mel] == [
        "panns-32k", "panns-16k", "panns-8k", "msclap-2022", "msclap-2023", "laion-unfused-hf", "convnext-224", "auricle-16k",
        "auricle-16k-hop-10",
    ]  # fmt: skip
    with pytest.raises(InputError, match="has no torch version"):
        torch_frontend("kaldi-ast")
