"""What the scripts of EfficientAT share: a MobileNet of fschmid56/EfficientAT with its own front-end, made, heard through and saved.

Two packages are stood in for, since they do not load beside every torch: torchvision's ConvNormActivation (convolution, norm, activation)
and torchaudio.compliance.kaldi.get_mel_banks, written anew from Kaldi's definition (feat/mel-computations.cc): triangles with corners
equally far apart on 1127 ln(1 + f / 700). Its masking of training data is off in evaluation and stands in as nothing.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import types
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _cnn import settle, sound, write, write_keys
from torch import Tensor, nn

RATE = 32000


class ConvNormActivation(nn.Sequential):
    """torchvision.ops.misc.ConvNormActivation: centred convolution without a bias, norm, and the activation if there is one."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int = 3,
        stride: int = 1,
        groups: int = 1,
        norm_layer=None,
        activation_layer=None,
        dilation: int = 1,
    ) -> None:
        padding = (kernel_size - 1) // 2 * dilation
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel_size, stride, padding, dilation=dilation, groups=groups, bias=False),
            norm_layer(outputs),
        ]
        if activation_layer is not None:
            layers.append(activation_layer(inplace=True))
        super().__init__(*layers)


def get_mel_banks(mels: int, fft: int, rate: float, low: float, high: float, **warping: float) -> tuple[Tensor, Tensor]:
    """Kaldi's bank (mels, fft / 2), without the bin at Nyquist, and the centres in Hz."""

    def mel(hz: np.ndarray | float) -> np.ndarray:
        return 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)

    corners = np.linspace(mel(low), mel(high), mels + 2)
    bins = mel(np.arange(fft // 2) * rate / fft)[None]
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    bank = np.maximum(0.0, np.minimum(rising, falling))
    return torch.from_numpy(bank.astype(np.float32)), torch.from_numpy(700.0 * np.expm1(corners[1:-1] / 1127.0))


def _stand_in(name: str, **members: object) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(members)
    module.__path__ = []  # type: ignore[attr-defined]
    sys.modules[name] = module
    return module


def published(repository: Path, *, hop: int = 320, mels: int = 128, **options: object) -> tuple[nn.Module, nn.Module]:
    """The repository's own network and front-end, for evaluation, on one thread. options: get_model's."""
    _stand_in("torchvision")
    _stand_in("torchvision.ops")
    _stand_in("torchvision.ops.misc", ConvNormActivation=ConvNormActivation)
    _stand_in("torchaudio", compliance=types.SimpleNamespace(kaldi=types.SimpleNamespace(get_mel_banks=get_mel_banks)))
    sys.path.insert(0, str(repository))
    os.chdir(repository)  # it reads a table from where it stands
    from models.mn.model import get_model
    from models.preprocess import AugmentMelSTFT

    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints itself
        return get_model(input_dim_f=mels, **options).eval(), AugmentMelSTFT(n_mels=mels, hopsize=hop, freqm=0, timem=0).eval()


def run(script: str, *, file: str = "checkpoint.pt", hop: int = 320, mels: int = 128, **options: object) -> None:
    """Make a MobileNet with seeded weights, and write OUT/file, OUT/expected.npz and the list of keys. options: get_model's."""
    repository, out = (Path(sys.argv[1]) / "fschmid56+EfficientAT").resolve(), Path(sys.argv[2]).resolve()
    torch.manual_seed(7)
    module, ears = published(repository, hop=hop, mels=mels, **options)
    samples = torch.from_numpy(sound(5.3, RATE, 3))[None]
    with torch.no_grad():
        for layer in module.classifier.modules():
            if isinstance(layer, nn.Linear):  # they start so small that biases alone would be compared
                layer.weight *= 20.0
        features = ears(samples)[None]
        settle(module, partial(module, features), 11, apart=("head_weight",))
        clip, pooled = module(features)
    out.mkdir(parents=True, exist_ok=True)
    write(out, rate=RATE, samples=samples[0].numpy(), pooled=pooled[0], clip=clip.reshape(-1))
    torch.save(module.state_dict(), out / file)
    name = Path(script).stem
    more = {} if name == "efficientat" else {"format": "efficientat"}
    write_keys(script, module.state_dict(), repository=repository, **more)
