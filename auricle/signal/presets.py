"""Front-ends as data: every published encoder's way from a waveform to its features, one named row of plain numbers each."""

from __future__ import annotations

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """One front-end as data. Times are in samples, frequencies in Hz.

    rate: of the waveform. window: samples a frame. hop: samples between frames. fft: length of the transform, 0 for the window's.
    mels: bands between low and high; scale, norm: see mel.filterbank. laid: the rate that the bands were laid out for, 0 for `rate`.
    edge: what lies beyond the ends when frames are centred: 'reflect' or 'zero'; 'inside' leaves only frames that lie wholly inside.
    taper: shape of the window. cleaned: Kaldi's care for each frame, its own mean taken off and high frequencies raised.
    quantised: the waveform goes through 16-bit integers first. emphasis: x[n + 1] - emphasis * x[n] over the whole waveform, or 0.
    gain: what samples are multiplied by. unit: of the logarithm. floor: smallest power before it; added: power that is added instead.
    depth: what lies further under the loudest value of the clip is cut, in the unit, or None. mean, spread: feature = (x - mean) / spread.
    fixed: every clip becomes so many frames, or None. filled: a short clip gets 'silence' (before the logarithm) or 'zeros' (after it).
    kind: 'mel' (T, F), 'stack' (4, T, F) or 'raw' (N,). shrink: how the whole of a long clip is made to fit into a stack.
    standardised: a raw waveform is brought to zero mean and unit variance.
    """

    kind: Literal["mel", "stack", "raw"] = "mel"
    rate: int
    window: int = 1
    hop: int = 1
    fft: int = 0
    mels: int = 0
    low: float = 0.0
    high: float = 0.0
    laid: int = 0
    scale: str = "slaney"
    norm: str | None = "slaney"
    edge: Literal["reflect", "zero", "inside"] = "reflect"
    taper: Literal["hann", "symmetric", "povey"] = "hann"
    cleaned: bool = False
    quantised: bool = False
    emphasis: float = 0.0
    gain: float = 1.0
    unit: Literal["decibel", "natural", "decade"] = "decibel"
    floor: float = 1e-10
    added: float = 0.0
    depth: float | None = None
    mean: float = 0.0
    spread: float = 1.0
    fixed: int | None = None
    filled: Literal["silence", "zeros"] = "silence"
    shrink: Literal["bilinear", "antialias"] = "bilinear"
    standardised: bool = False

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.rate / self.hop

    @property
    def plain(self) -> bool:
        """Whether it is log-mel in dB of a centred Hann window and nothing besides: what nn.spectral.LogMel computes."""
        own = ("rate", "window", "hop", "mels", "low", "high", "laid", "scale", "norm", "edge", "floor")
        return self.edge != "inside" and self == Preset(**{name: getattr(self, name) for name in own})


_with = dataclasses.replace

# torchlibrosa's Spectrogram and LogmelFilterBank as qiuqiangkong/audioset_tagging_cnn sets them: centred Hann, power, ref 1, no top_db.
_PANNS = Preset(rate=32000, window=1024, hop=320, mels=64, low=50, high=14000)

# LAION-AI/CLAP laion_clap/training/data.py and clap_module/htsat.py: the waveform goes through int16; fusion has torchaudio's bank.
_LAION = Preset(rate=48000, window=1024, hop=480, mels=64, low=50, high=14000, quantised=True)
_FUSED = _with(_LAION, kind="stack", scale="htk", norm=None, fixed=1001)

# torchaudio.compliance.kaldi.fbank at 25 / 10 ms; the floor is float32's epsilon. AST subtracts the waveform's mean before, which each
# frame's own mean repeats, so it is left out. Statistics: YuanGongND/ast egs/audioset/run.sh; twice the deviation, as its dataloader does.
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
    cleaned=True,
    unit="natural",
    floor=2.0**-23,
    mean=-4.2677393,
    spread=2 * 4.5689974,
    fixed=1024,
    filled="zeros",
)

# openai/whisper whisper/audio.py: 30 s, log10 cut at 8 below the clip's peak, then (x + 4) / 4; the frame at the very end is dropped.
_WHISPER = Preset(rate=16000, window=400, hop=160, mels=80, low=0, high=8000, unit="decade", depth=8.0, mean=-4.0, spread=4.0, fixed=3000)

# fschmid56/EfficientAT models/preprocess.py in evaluation: fmax is 15 kHz when none is given. Its names tell a hop in ms and bands.
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
    emphasis=0.97,
    unit="natural",
    floor=0.0,
    added=1e-5,
    mean=-4.5,
    spread=5.0,
)

#: Name -> preset. docs/models/front-ends.md tells who uses which.
PRESETS: dict[str, Preset] = {
    "panns-32k": _PANNS,
    "panns-16k": Preset(rate=16000, window=512, hop=160, mels=64, low=50, high=8000),
    "panns-8k": Preset(rate=8000, window=256, hop=80, mels=64, low=50, high=4000),
    "msclap-2022": _with(_PANNS, rate=44100),
    # microsoft/CLAP hands 44.1 kHz to an HTS-AT whose bands were laid out for 32 kHz (msclap/models/config.py), so all of them lie 1.38
    # times as high as they say. That is what its code builds; a checkpoint's own matrix wins over it.
    "msclap-2023": _with(_PANNS, rate=44100, laid=32000),
    "laion-unfused": _LAION,
    # ClapFeatureExtractor of transformers leaves the int16 step out.
    "laion-unfused-hf": _with(_LAION, quantised=False),
    "laion-fused": _FUSED,
    "laion-fused-hf": _with(_FUSED, quantised=False),
    # What LAION-AI/CLAP gives with torchvision >= 0.17, whose Resize began to smooth; the published weights were trained before.
    "laion-fused-antialias": _with(_FUSED, shrink="antialias"),
    "kaldi-ast": _AST,
    # AST and SSAST tuned to ESC-50 and to Speech Commands: those corpora's statistics and lengths (YuanGongND/ast egs/esc50/run_esc.sh,
    # egs/speechcommands/run_sc.sh).
    "kaldi-ast-esc50": _with(_AST, mean=-6.6268077, spread=2 * 5.358466, fixed=512),
    "kaldi-ast-commands": _with(_AST, mean=-6.845978, spread=2 * 5.5654526, fixed=128),
    # microsoft/unilm beats/BEATs.py: Kaldi's own window, samples as 16-bit integers would count them, any length.
    "kaldi-beats": _with(_AST, taper="povey", gain=2.0**15, mean=15.41663, spread=2 * 6.55582, fixed=None),
    # YuanGongND/ltu: AST's frames, normalised without the factor of two.
    "kaldi-ltu": _with(_AST, mean=-5.081, spread=4.4849),
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
    "raw-32k": Preset(kind="raw", rate=32000),  # Wavegram-Logmel-Cnn14 makes its own log-mel
    # Wav2Vec2FeatureExtractor(do_normalize=True): zero mean and unit variance over the clip, for checkpoints that ask for it.
    "raw-16k-normal": Preset(kind="raw", rate=16000, standardised=True),
    # The project's own, with PANNs' 16 kHz bank.
    "auricle-16k": Preset(rate=16000, window=512, hop=320, mels=64, low=50, high=8000, edge="zero"),
}
