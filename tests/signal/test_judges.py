"""Front-ends against outside judges: torch, transformers, librosa, kaldi-native-fbank, each where it is installed.

The judges compute in single precision and ours does not, so a bare tone, whose quiet bands are all rounding, differs by up to 1e-4 of
the whole while noise, where every band is real, agrees to some 1e-7. Most of what follows is judged on sweep and noise together.
"""

from __future__ import annotations

import numpy as np
import pytest

from auricle.signal.crop import fit
from auricle.signal.frontend import Frontend, open_frontend
from auricle.signal.mel import filterbank
from auricle.signal.presets import PRESETS

CLOSE = 1e-5
DECIBEL = ["panns-32k", "panns-16k", "panns-8k", "msclap-2022", "msclap-2023", "laion-unfused-hf", "convnext-224"]


def sound(seconds: float, rate: int) -> np.ndarray:
    """A sweep over noise 30 dB under it, float32 (N,)."""
    times = np.arange(round(seconds * rate)) / rate
    sweep = 0.3 * np.sin(2 * np.pi * (100 * times + 400 * times**2))
    return (sweep + 0.01 * np.random.default_rng(3).standard_normal(times.size)).astype(np.float32)


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Distance over the judge's length."""
    assert ours.shape == theirs.shape
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


@pytest.mark.parametrize("name", DECIBEL)
def test_log_mel_by_librosa(name: str) -> None:
    librosa = pytest.importorskip("librosa")
    preset, samples = PRESETS[name], sound(1.1, PRESETS[name].rate)
    laid = preset.mel_rate or preset.rate
    bank = librosa.filters.mel(sr=laid, n_fft=preset.window, n_mels=preset.mels, fmin=preset.low, fmax=preset.high)
    spectrum = librosa.stft(samples, n_fft=preset.window, hop_length=preset.hop, pad_mode="reflect")
    theirs = librosa.power_to_db(bank @ np.abs(spectrum) ** 2, ref=1.0, amin=1e-10, top_db=None)
    assert apart(open_frontend(name).features(samples), theirs.T) < CLOSE
    assert np.abs(np.asarray(open_frontend(name).bank) - bank.T).max() < 1e-6 * bank.max()


@pytest.mark.parametrize("name", DECIBEL)
def test_a_checkpoints_own_bank_and_window_by_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    preset, samples = PRESETS[name], sound(0.7, PRESETS[name].rate)
    generator = torch.Generator().manual_seed(0)
    bank = torch.rand(preset.window // 2 + 1, 40, generator=generator)
    window = torch.hamming_window(preset.window)
    spectrum = torch.stft(torch.from_numpy(samples), preset.window, preset.hop, window=window, pad_mode="reflect", return_complex=True)
    theirs = 10 * torch.log10((spectrum.abs().square().T @ bank).clamp(min=1e-10))
    assert apart(open_frontend(name, bank.numpy(), window.numpy()).features(samples), theirs.numpy()) < CLOSE


def test_the_fused_bank_is_torchaudios() -> None:
    audio_utils = pytest.importorskip("transformers.audio_utils")
    theirs = audio_utils.mel_filter_bank(513, 64, 50.0, 14000.0, 48000, norm=None, mel_scale="htk")
    assert np.abs(np.asarray(open_frontend("laion-fused").bank) - theirs).max() < 1e-6


@pytest.mark.parametrize("seconds", [0.4, 3.3, 10.0])
def test_laion_by_transformers(seconds: float) -> None:
    transformers = pytest.importorskip("transformers")
    extractor = transformers.ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad", frequency_min=50)
    samples = sound(seconds, 48000)
    theirs = np.asarray(extractor(samples, sampling_rate=48000, return_tensors="np")["input_features"])[0, 0]
    assert apart(open_frontend("laion-unfused-hf").features(fit(samples, 480000, "repeatpad")), theirs) < CLOSE


@pytest.mark.parametrize("seconds", [2.9, 10.0, 10.005, 10.9, 17.0])
def test_laions_stack_by_transformers(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    transformers = pytest.importorskip("transformers")
    extractor = transformers.ClapFeatureExtractor(truncation="fusion", padding="repeatpad", frequency_min=50)
    samples = sound(seconds, 48000)
    spare = 1 + samples.size // 480 - 1001
    starts = iter((0, spare // 2, spare))
    monkeypatch.setattr(np.random, "choice", lambda places: next(starts))  # theirs are drawn; ours are these
    theirs = np.asarray(extractor(samples, sampling_rate=48000, return_tensors="np")["input_features"])[0]
    ours = open_frontend("laion-fused-hf").features(samples)
    assert apart(ours, theirs) < CLOSE
    assert (ours[0] == ours[3]).all() == (spare <= 0)


def test_whole_numbers_in_between_as_laion_has_them() -> None:
    samples = 1.2 * sound(10.5, 48000) * np.hanning(504000).astype(np.float32)
    theirs = (np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)
    there_and_back = (theirs / 32767.0).astype(np.float32)
    for name in ("laion-unfused", "laion-fused"):
        ours = open_frontend(name).features(samples)
        assert np.array_equal(ours, open_frontend(f"{name}-hf").features(there_and_back))
        assert not np.array_equal(ours, open_frontend(f"{name}-hf").features(samples))


@pytest.mark.parametrize("seconds", [0.9, 12.0])
@pytest.mark.parametrize("offset", [0.0, 0.2])
def test_ast_by_transformers(seconds: float, offset: float) -> None:
    transformers = pytest.importorskip("transformers")
    samples = sound(seconds, 16000) + np.float32(offset)
    centred = samples - samples.mean()  # as AST's own code begins; each frame's mean is taken off later, so it makes no difference
    theirs = np.asarray(transformers.ASTFeatureExtractor()(centred, sampling_rate=16000, return_tensors="np")["input_values"])[0]
    ours = open_frontend("kaldi-ast").features(samples)
    assert apart(ours, theirs) < CLOSE
    assert np.allclose(open_frontend("kaldi-ltu").features(samples), (theirs * 2 * 4.5689974 - 4.2677393 + 5.081) / 4.4849, atol=1e-3)


@pytest.mark.parametrize(("name", "window", "gain"), [("kaldi-beats", "povey", 2.0**15), ("kaldi-ast", "hanning", 1.0)])
def test_kaldi_by_kaldi(name: str, window: str, gain: float) -> None:
    kaldi = pytest.importorskip("kaldi_native_fbank")
    options = kaldi.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = window
    options.mel_opts.num_bins = 80  # at 128 the fourth filter is empty, which it refuses and torchaudio lets pass
    judge = kaldi.OnlineFbank(options)
    samples = sound(1.7, 16000)
    judge.accept_waveform(16000, (samples * gain).tolist())
    judge.input_finished()
    theirs = np.stack([judge.get_frame(frame) for frame in range(judge.num_frames_ready)])
    bank = filterbank(rate=16000, fft=512, mels=80, low=20, high=8000, scale="kaldi", norm=None)
    preset = PRESETS[name]
    ours = open_frontend(name, bank).features(samples)[: len(theirs)] * preset.std + preset.mean
    assert len(theirs) == 1 + (samples.size - 400) // 160
    assert apart(ours, theirs) < CLOSE


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize("seconds", [0.05, 2.2, 29.993, 31.0])
def test_whisper_by_transformers(mels: int, seconds: float) -> None:
    transformers = pytest.importorskip("transformers")
    samples = sound(seconds, 16000)
    extractor = transformers.WhisperFeatureExtractor(feature_size=mels)
    theirs = np.asarray(extractor(samples, sampling_rate=16000, return_tensors="np")["input_features"])[0].T
    assert apart(open_frontend(f"whisper-{mels}").features(samples), theirs) < CLOSE


def test_standardised_waveforms_by_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    samples = sound(1.0, 16000) + np.float32(0.1)
    theirs = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)(samples, sampling_rate=16000, return_tensors="np")["input_values"][0]
    assert apart(open_frontend("raw-16k-normal").features(samples), np.asarray(theirs)) < CLOSE
    assert np.array_equal(open_frontend("raw-16k").features(samples), samples)


def test_mobilenets_mel_by_torch() -> None:
    torch, audio_utils = pytest.importorskip("torch"), pytest.importorskip("transformers.audio_utils")
    samples = sound(1.3, 32000)
    raised = torch.nn.functional.conv1d(torch.from_numpy(samples)[None, None], torch.tensor([[[-0.97, 1.0]]]))[:, 0]
    window = torch.hann_window(800, periodic=False)
    spectrum = torch.stft(raised, 1024, hop_length=320, win_length=800, center=True, window=window, return_complex=True)[0]
    bank = audio_utils.mel_filter_bank(513, 128, 0.0, 15000.0, 32000, mel_scale="kaldi", triangularize_in_mel_space=True)
    theirs = (torch.log(spectrum.abs().square().T @ torch.from_numpy(bank).float() + 1e-5) + 4.5) / 5.0
    ours = Frontend("mobilenet-32k").features(samples)
    assert len(ours) == Frontend("mobilenet-32k").frames(samples.size)
    assert apart(ours, theirs.numpy()) < CLOSE
