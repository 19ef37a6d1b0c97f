"""What the scripts of transformer encoders share: packages without their compiled parts, random weights, a sound, a way to save.

timm 0.4.5 and torchaudio are the published ones, read from where they are installed, minus what does not load beside a newer torch: timm's
list of all models and its data loaders (they need torchvision), torchaudio's compiled library. Their layers and kaldi.fbank are unchanged.
"""

from __future__ import annotations

import collections.abc
import csv
import importlib.metadata
import importlib.util
import json
import sys
import types
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

KEYS = Path(__file__).resolve().parent.parent / "keys"


def _bare(name: str, place: Path | None = None) -> types.ModuleType:
    """An empty module of that name in sys.modules; with a place, a package whose submodules are loaded from there."""
    module = types.ModuleType(name)
    if place is not None:
        module.__path__ = [str(place)]  # type: ignore[attr-defined]
    sys.modules[name] = module
    return module


def _installed(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"{name} is not installed; run: pip install --no-deps {name}")
    return Path(found.submodule_search_locations[0])


def stand_in(*names: str) -> None:
    """Empty modules for packages that are imported but not called here; each is an attribute of the one above it."""
    for name in names:
        above, _, last = name.rpartition(".")
        module = _bare(name, Path())
        if above:
            setattr(sys.modules[above], last, module)


def bring_timm() -> types.ModuleType:
    """timm with its layers and vision transformers, and create_model for the latter."""
    if importlib.metadata.version("timm") != "0.4.5":
        raise SystemExit("the published code wants timm 0.4.5; run: pip install --no-deps timm==0.4.5")
    place = _installed("timm")
    timm = _bare("timm", place)
    timm.__version__ = "0.4.5"  # type: ignore[attr-defined]
    timm.models = _bare("timm.models", place / "models")  # type: ignore[attr-defined]
    data = _bare("timm.data")
    data.IMAGENET_DEFAULT_MEAN = data.IMAGENET_INCEPTION_MEAN = (0.485, 0.456, 0.406)  # type: ignore[attr-defined]
    data.IMAGENET_DEFAULT_STD = data.IMAGENET_INCEPTION_STD = (0.229, 0.224, 0.225)  # type: ignore[attr-defined]
    six = _bare("torch._six")
    six.container_abcs, six.inf = collections.abc, float("inf")  # type: ignore[attr-defined]
    from timm.models import vision_transformer  # type: ignore[import-not-found]

    timm.models.vision_transformer = vision_transformer  # type: ignore[attr-defined]

    def create_model(name: str, *, pretrained: bool = False) -> torch.nn.Module:
        made: torch.nn.Module = getattr(vision_transformer, name)(pretrained=pretrained)
        return made

    timm.create_model = create_model  # type: ignore[attr-defined]
    return timm


def bring_kaldi() -> types.ModuleType:
    """torchaudio.compliance.kaldi, without torchaudio's compiled library."""
    _bare("torchaudio", _installed("torchaudio"))
    import torchaudio.compliance.kaldi as kaldi

    module: types.ModuleType = kaldi
    return module


def bring_audiomae(repository: Path) -> None:
    """Audio-MAE's modules on the path, with timm as its script patches it."""
    bring_timm()
    np.float = float  # type: ignore[attr-defined]
    place = repository / "timm_patch" / "swin_transformer.py"
    spec = importlib.util.spec_from_file_location("timm.models.swin_transformer", place)
    assert spec is not None and spec.loader is not None
    swin = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = swin
    spec.loader.exec_module(swin)
    sys.path.insert(0, str(repository))


def ast_features(kaldi: types.ModuleType, samples: np.ndarray) -> torch.Tensor:
    """What the dataloaders of AST, SSAST and Audio-MAE make of 16 kHz: (1, 1024, 128), filled with zeros before it is normalised."""
    waveform = torch.from_numpy(samples)[None]
    features = kaldi.fbank(
        waveform - waveform.mean(),
        htk_compat=True,
        sample_frequency=16000,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=128,
        dither=0.0,
        frame_shift=10,
    )
    filled = torch.nn.functional.pad(features, (0, 0, 0, 1024 - len(features)))
    normal: torch.Tensor = (filled - -4.2677393) / (2 * 4.5689974)
    return normal[None]


def audioset_ids() -> list[str]:
    """AudioSet's 527 ids in their usual order."""
    table = Path(__file__).resolve().parents[3] / "auricle" / "ontology" / "audioset_class_labels_indices.csv"
    with table.open(encoding="utf-8", newline="") as stream:
        return [row["mid"] for row in csv.DictReader(stream)]


@torch.no_grad()
def randomise(module: torch.nn.Module, seed: int) -> None:
    """Give every floating tensor seeded values of a size that keeps activations sane, so that none is trivially zero or one."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim <= 1 and name.endswith("weight"):  # norms
            tensor.copy_(1.0 + 0.1 * noise)
        elif tensor.ndim <= 1:
            tensor.copy_(0.05 * noise)
        else:
            tensor.copy_(noise * (0.7 / np.sqrt(max(1, tensor[0].numel()))) if tensor.shape[0] > 1 else 0.1 * noise)


def sound(seconds: float, rate: int, seed: int) -> np.ndarray:
    """Two chirps and bursts of noise, float32 (N,), peak near 0.5."""
    generator = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    chirp = 0.2 * np.sin(2 * np.pi * (150 + 600 * time / seconds) * time) + 0.1 * np.sin(2 * np.pi * (3000 - 900 * time / seconds) * time)
    bursts = 0.15 * generator.standard_normal(time.size) * (np.sin(2 * np.pi * 0.9 * time) > 0.6)
    return (chirp + bursts + 0.01).astype(np.float32)  # the offset is there to be taken off


def write_keys(name: str, *, source: str, commit: str, tensors: Mapping[str, torch.Tensor], **more: object) -> None:
    """keys/NAME.json: names and shapes as the published code gives them, and what else of the file its reading needs."""
    keys = {key: list(tensor.shape) for key, tensor in tensors.items()}
    told = {"source": source, "commit": commit, "made_by": f"tests/parity/upstream/{name}.py", **more, "keys": keys}
    KEYS.mkdir(exist_ok=True)
    (KEYS / f"{name}.json").write_text(json.dumps(told, separators=(",", ":")) + "\n", encoding="utf-8")
