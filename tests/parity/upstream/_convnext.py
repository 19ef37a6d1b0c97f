"""What the scripts of ConvNeXt share: the tagger made, heard through and saved. Needs torchlibrosa."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from _cnn import settle, sound, write
from torch import nn

RATE = 32000


def settled(module: nn.Module, run: object) -> None:
    """Seeded norms, biases and layer scales, which start at a millionth and would leave nothing of the blocks to compare."""
    assert callable(run)
    settle(module, run, 11)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, tensor in module.named_parameters():
            if name.endswith(("gamma", "scale_layer")):
                tensor.copy_(0.1 + 0.4 * torch.rand(tensor.shape, generator=generator))
            elif tensor.ndim > 1 and not name.startswith(("spectrogram", "logmel")):
                tensor *= 2.0


def begin(repository: Path) -> torch.Tensor:
    """Its package in reach; the sound (1, N)."""
    sys.path.insert(0, str(repository / "src"))
    torch.manual_seed(7)
    torch.set_num_threads(1)
    return torch.from_numpy(sound(5.3, RATE, 3))[None]


def finish(out: Path, samples: torch.Tensor, **expected: torch.Tensor) -> None:
    """OUT/expected.npz."""
    out.mkdir(parents=True, exist_ok=True)
    write(out, rate=RATE, samples=samples[0].numpy(), **expected)
