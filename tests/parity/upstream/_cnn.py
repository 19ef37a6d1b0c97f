"""What the scripts of convolutional encoders share: seeded weights with statistics that fit them, one sound, one way to save."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

KEYS = Path(__file__).resolve().parent.parent / "keys"


def sound(seconds: float, rate: int, seed: int) -> np.ndarray:
    """A rising chirp, a low hum and bursts of noise with silence between, float32 (N,), within +-1."""
    generator = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    chirp = np.sin(2 * np.pi * (200 + 0.4 * rate / (2 * seconds) * time / 2) * time)
    bursts = generator.standard_normal(len(time)) * (np.sin(2 * np.pi * 1.7 * time) > 0.8)
    loudness = np.clip(np.sin(2 * np.pi * 0.37 * time), 0.0, 1.0)
    return (0.3 * chirp * loudness + 0.1 * np.sin(2 * np.pi * 110 * time) + 0.2 * bursts).clip(-1.0, 1.0).astype(np.float32)


@torch.no_grad()
def settle(module: nn.Module, run: Callable[[], object], seed: int, *, apart: tuple[str, ...] = ()) -> None:
    """Seeded norms and biases; then statistics of batch norms that are near those of the sound which `run` lets through, not equal.

    Weights stay as the published code starts them. apart: parts of names of tensors that are left as they are.
    """
    generator = torch.Generator().manual_seed(seed)

    def even(shape: torch.Size, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    for name, tensor in module.named_parameters():
        if tensor.ndim != 1 or any(part in name for part in apart):
            continue
        tensor.copy_(even(tensor.shape, 0.5, 1.5) if name.endswith("weight") else 0.2 * torch.randn(tensor.shape, generator=generator))
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    module.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    run()
    for norm, momentum in zip(norms, momenta, strict=True):
        assert norm.running_mean is not None and norm.running_var is not None
        norm.eval()
        norm.momentum = momentum
        norm.running_mean += 0.2 * norm.running_var.sqrt() * torch.randn(norm.running_mean.shape, generator=generator)
        norm.running_var *= even(norm.running_var.shape, 0.7, 1.4)
        norm.running_var += 1e-3


def caught(part: nn.Module, run: Callable[[], object]) -> Tensor:
    """What a part of a module gives while `run` lets a sound through it: logits that published code does not return."""
    found: list[Tensor] = []
    hook = part.register_forward_hook(lambda module, inputs, output: found.append(output.detach()))
    run()
    hook.remove()
    return found[-1]


def commit(repository: Path) -> str:
    """The commit that a clone stands at."""
    return subprocess.run(["git", "-C", str(repository), "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()


def write(out: Path, *, rate: int, samples: np.ndarray, **expected: Tensor) -> None:
    """OUT/expected.npz."""
    arrays = {name: tensor.float().numpy() for name, tensor in expected.items()}
    np.savez(out / "expected.npz", samples=samples, rate=np.int64(rate), **arrays)


def write_keys(script: str, tensors: Mapping[str, Tensor], *, repository: Path, **more: object) -> None:
    """keys/NAME.json: names and shapes as the published code gives them."""
    name = Path(script).stem
    source = "https://github.com/" + repository.name.replace("+", "/", 1)
    told = {"source": source, "commit": commit(repository), "made_by": f"tests/parity/upstream/{name}.py", **more}
    told["keys"] = {key: list(tensor.shape) for key, tensor in tensors.items()}
    KEYS.mkdir(exist_ok=True)
    (KEYS / f"{name}.json").write_text(json.dumps(told, separators=(",", ":")) + "\n", encoding="utf-8")
