"""Presets of the front-ends of published encoders: all parameters from the waveform to the features, as data."""

from __future__ import annotations

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """The parameters of one front-end. Times are in samples, frequencies in Hz.

    rate: of the waveform. window: frame length. hop: between frames. fft: points of the FFT, 0: as `window`.
    mels: number of bands between low and high; scale, norm: see mel.filterbank. mel_rate: sample rate for which the filterbank is computed,
    0: `rate`. edge: padding of centred frames, 'reflect' or 'zero'; 'inside': only complete frames, without padding.
    taper: window function. kaldi_frames: True for Kaldi's removal of each frame's mean and pre-emphasis.
    quantised: True to round the waveform to 16-bit integers first. preemphasis: x[n + 1] - preemphasis * x[n] over the waveform, or 0.
    gain: factor of the window. unit: of the logarithm. floor: minimum of the power before it. log_offset: added to the power before it.
    dynamic_range: values further below the clip's maximum are raised to it, in the unit, or None. mean, std: feature = (x - mean) / std.
    fixed_frames: number of frames of every clip, or None. padding: of a short clip, 'silence' (before the logarithm) or 'zeros' (after it).
    kind: 'mel' (T, F), 'stack' (4, T, F) or 'raw' (N,). shrink: resizing of a long clip in a stack, see fusion.resize_frames.
    standardised: True to normalise a raw waveform to zero mean and unit variance.
    """

    kind: Literal["mel", "stack", "raw"] = "mel"
    rate: int
    window: int = 1
    hop: int = 1
    fft: int = 0
    mels: int = 0
    low: float = 0.0
    high: float = 0.0
    mel_rate: int = 0
    scale: str = "slaney"
    norm: str | None = "slaney"
    edge: Literal["reflect", "zero", "inside"] = "reflect"
    taper: Literal["hann", "symmetric", "povey"] = "hann"
    kaldi_frames: bool = False
    quantised: bool = False
    preemphasis: float = 0.0
    gain: float = 1.0
    unit: Literal["decibel", "natural", "decade"] = "decibel"
    floor: float = 1e-10
    log_offset: float = 0.0
    dynamic_range: float | None = None
    mean: float = 0.0
    std: float = 1.0
    fixed_frames: int | None = None
    padding: Literal["silence", "zeros"] = "silence"
    shrink: Literal["bilinear", "antialias"] = "bilinear"
    standardised: bool = False

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.rate / self.hop

    @property
    def is_plain_log_mel(self) -> bool:
        """True for a log-mel in dB of centred Hann-windowed frames without further steps, as nn.spectral.LogMel computes it."""
        own = ("rate", "window", "hop", "mels", "low", "high", "mel_rate", "scale", "norm", "edge", "floor")
        return self.edge != "inside" and self == Preset(**{name: getattr(self, name) for name in own})


_with = dataclasses.replace

# torchlibrosa's Spectrogram and LogmelFilterBank as in qiuqiangkong/audioset_tagging_cnn: centred Hann, power, ref 1, no top_db.
_PANNS = Preset(rate=32000, window=1024, hop=320, mels=64, low=50, high=14000)

# LAION-AI/CLAP laion_clap/training/data.py and clap_module/htsat.py: the waveform is rounded to int16; fusion has torchaudio's filterbank.
_LAION = Preset(rate=48000, window=1024, hop=480, mels=64, low=50, high=14000, quantised=True)
_FUSED = _with(_LAION, kind="stack", scale="htk", norm=None, fixed_frames=1001)

# torchaudio.compliance.kaldi.fbank at 25 / 10 ms; the floor is float32's epsilon. AST also subtracts the waveform's mean, which is
# redundant with each frame's and omitted. Statistics: YuanGongND/ast egs/audioset/run.sh; twice the deviation, as its dataloader does.
_AST = Preset(
    rate=16000,
    window=400,
    hop=160,
    fft=512,
    mels=128,
    low=20,
    high=8000,
    scale="kaldi",
    norm=None,
    edge="inside",
    taper="symmetric",
    kaldi_frames=True,
    unit="natural",
    floor=2.0**-23,
    mean=-4.2677393,
    std=2 * 4.5689974,
    fixed_frames=1024,
    padding="zeros",
)

# openai/whisper whisper/audio.py: 30 s, log10 cut at 8 below the clip's peak, then (x + 4) / 4; the frame at the very end is dropped.
_WHISPER = Preset(
    rate=16000, window=400, hop=160, mels=80, low=0, high=8000, unit="decade", dynamic_range=8.0, mean=-4.0, std=4.0, fixed_frames=3000
)

# fschmid56/EfficientAT models/preprocess.py in evaluation: fmax is 15 kHz by default. The names give the hop in ms, or the bands.
_OWN = Preset(rate=16000, window=512, hop=320, mels=64, low=50, high=8000, edge="zero")

_MOBILE = Preset(
    rate=32000,
    window=800,
    hop=320,
    fft=1024,
    mels=128,
    low=0,
    high=15000,
    scale="kaldi",
    norm=None,
    taper="symmetric",
    preemphasis=0.97,
    unit="natural",
    floor=0.0,
    log_offset=1e-5,
    mean=-4.5,
    std=5.0,
)

#: Name -> preset. docs/models/front-ends.md lists the models that use each.
PRESETS: dict[str, Preset] = {
    "panns-32k": _PANNS,
    "panns-16k": Preset(rate=16000, window=512, hop=160, mels=64, low=50, high=8000),
    "panns-8k": Preset(rate=8000, window=256, hop=80, mels=64, low=50, high=4000),
    "msclap-2022": _with(_PANNS, rate=44100),
    # microsoft/CLAP passes 44.1 kHz to an HTS-AT with a filterbank for 32 kHz (msclap/models/config.py), so all bands are 1.38 times as
    # high as nominal, as in its code. A checkpoint's own matrix takes precedence.
    "msclap-2023": _with(_PANNS, rate=44100, mel_rate=32000),
    "laion-unfused": _LAION,
    # ClapFeatureExtractor of transformers omits the rounding to int16.
    "laion-unfused-hf": _with(_LAION, quantised=False),
    "laion-fused": _FUSED,
    "laion-fused-hf": _with(_FUSED, quantised=False),
    # LAION-AI/CLAP with torchvision >= 0.17, whose Resize uses antialiasing; the published weights were trained before.
    "laion-fused-antialias": _with(_FUSED, shrink="antialias"),
    "kaldi-ast": _AST,
    # AST and SSAST fine-tuned on ESC-50 and on Speech Commands: their statistics and lengths (YuanGongND/ast egs/esc50/run_esc.sh,
    # egs/speechcommands/run_sc.sh).
    "kaldi-ast-esc50": _with(_AST, mean=-6.6268077, std=2 * 5.358466, fixed_frames=512),
    "kaldi-ast-commands": _with(_AST, mean=-6.845978, std=2 * 5.5654526, fixed_frames=128),
    # microsoft/unilm beats/BEATs.py: Povey window, samples in the range of 16-bit integers, any length.
    "kaldi-beats": _with(_AST, taper="povey", gain=2.0**15, mean=15.41663, std=2 * 6.55582, fixed_frames=None),
    # YuanGongND/ltu: AST's frames, normalised without the factor of two.
    "kaldi-ltu": _with(_AST, mean=-5.081, std=4.4849),
    "whisper-80": _WHISPER,
    "whisper-128": _with(_WHISPER, mels=128),
    "convnext-224": _with(_PANNS, mels=224),
    "mobilenet-32k": _MOBILE,
    "mobilenet-32k-hop-5": _with(_MOBILE, hop=160),
    "mobilenet-32k-hop-15": _with(_MOBILE, hop=480),
    "mobilenet-32k-hop-20": _with(_MOBILE, hop=640),
    "mobilenet-32k-hop-25": _with(_MOBILE, hop=800),
    "mobilenet-32k-mels-40": _with(_MOBILE, mels=40),
    "mobilenet-32k-mels-64": _with(_MOBILE, mels=64),
    "mobilenet-32k-mels-256": _with(_MOBILE, mels=256),
    "raw-16k": Preset(kind="raw", rate=16000),
    "raw-32k": Preset(kind="raw", rate=32000),  # Wavegram-Logmel-Cnn14 computes its log-mel itself
    # Wav2Vec2FeatureExtractor(do_normalize=True): zero mean and unit variance over the clip, for checkpoints that require it.
    "raw-16k-normal": Preset(kind="raw", rate=16000, standardised=True),
    # The front-end of auricle's own models, with PANNs' 16 kHz filterbank.
    "auricle-16k": _OWN,
    "auricle-16k-hop-10": _with(_OWN, hop=160),
}
