"""A converted folder as functions of numpy arrays: what runtime.torch runs, in single precision, bfloat16 or compiled.

On the CPU every call runs on one thread, and several calls side by side: two calls of one thread each outrun one of two. torch counts its
threads by the thread that asks (OpenMP's own variable), so calls run on threads of ours, which count one; yours keep their number.

On a GPU calls run one after another, in single precision without TF32, or by autocast. That part is untested: no machine of the
project's has one.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from auricle.core.config import ModelConfig
from auricle.core.errors import InputError
from auricle.core.workers import cpu_count
from auricle.models.folder import load
from auricle.nn.leaf import GaborFilters, GaussianPooling
from auricle.nn.pcen import Pcen

Precision: TypeAlias = Literal["torch-fp32", "torch-bf16", "compile"]

#: Modules that multiply: they take what they get to the type of their weights, and what follows has that type.
_MULTIPLY = (nn.Linear, nn.Conv1d, nn.Conv2d)
#: Modules that keep their own numbers in single precision: they take bfloat16 as it is, and add up in single precision.
_EXACT = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, GaborFilters, GaussianPooling, Pcen)


class Running:
    """The module of a converted folder. Safe to share between threads."""

    def __init__(self, folder: Path, config: ModelConfig, precision: Precision, device: str | None = None) -> None:
        """device: as torch names it; None is what AURICLE_DEVICE says, else a GPU where torch sees one, else the CPU."""
        self._device = _device(device)
        self._autocast = precision == "torch-bf16" and self._device.type == "cuda"
        self._model = load(folder, config)
        if precision == "torch-bf16" and not self._autocast:
            to_bfloat16(self._model)
        self._model.to(self._device)
        self._sound: Callable[[Tensor], dict[str, Tensor]] = self._model if precision != "compile" else _Compiled(self._model)
        self._pool = _threads(1 if self._device.type == "cuda" else cpu_count())

    def run(self, features: np.ndarray, outputs: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """features float32 (B, ...) -> the outputs of the config, or those that are requested (Model.forward), float32."""
        return self._pool.submit(self._run, features, outputs).result()

    def embed_tokens(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not unit."""
        return self._pool.submit(self._read, ids, mask).result()

    @torch.inference_mode()
    def _run(self, features: np.ndarray, names: Sequence[str] | None) -> dict[str, np.ndarray]:
        tensor = torch.from_numpy(features).to(self._device)
        with self._exactly():  # what is compiled are the outputs of the config
            outputs = self._sound(tensor) if names is None else self._model(tensor, outputs=names)
        return {name: output.float().cpu().numpy() for name, output in outputs.items()}

    @torch.inference_mode()
    def _read(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with self._exactly():
            vectors = self._model.embed_tokens(torch.from_numpy(ids).to(self._device), torch.from_numpy(mask).to(self._device))
        return np.asarray(vectors.float().cpu().numpy())

    def _exactly(self) -> Any:
        """On a GPU: bfloat16 where that was asked for, else no TF32 in convolutions (in matrix products torch leaves it out by itself)."""
        if self._autocast:
            return torch.autocast("cuda", torch.bfloat16)
        if self._device.type == "cuda":
            return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        return contextlib.nullcontext()


class _Compiled:
    """A module compiled at its first call, which takes up to minutes, with its weights laid out for this processor.

    Rows come one by one, so that there is one shape to compile for, and one at a time until that is done.
    """

    def __init__(self, model: nn.Module) -> None:
        self._call: Any = torch.compile(model, options={"freezing": True})
        self._lock = threading.Lock()
        self._known: set[torch.Size] = set()

    def __call__(self, features: Tensor) -> dict[str, Tensor]:
        rows = [self._row(row[None]) for row in features]
        return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}

    def _row(self, features: Tensor) -> dict[str, Tensor]:
        if features.shape in self._known:
            outputs: dict[str, Tensor] = self._call(features)
            return outputs
        with self._lock:
            outputs = self._call(features)
            self._known.add(features.shape)
        return outputs


def to_bfloat16(model: nn.Module) -> None:
    """Weights to bfloat16, once, in place. Norms keep single precision, and what comes before the first product is computed in it."""
    for module in model.modules():
        if isinstance(module, _EXACT):
            continue
        for parameter in module.parameters(recurse=False):
            parameter.data = parameter.data.bfloat16()
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_floating_point():
                setattr(module, name, buffer.bfloat16())
        if isinstance(module, _MULTIPLY):
            module.register_forward_pre_hook(_in_type_of_weights)


def _in_type_of_weights(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return given[0].to(weight.dtype), *given[1:]  # costs nothing where it has it already


def _threads(count: int) -> ThreadPoolExecutor:
    """Threads on which torch computes with one thread each, while every other thread of the process keeps its number."""
    number = torch.get_num_threads()

    def begin() -> None:
        torch.set_num_threads(1)  # for this thread, and as what threads to come begin with; so that is set back, by one that is not kept
        other = threading.Thread(target=torch.set_num_threads, args=(number,))
        other.start()
        other.join()

    return ThreadPoolExecutor(count, "auricle-torch", initializer=begin)


def _device(name: str | None) -> torch.device:
    wanted = name or os.environ.get("AURICLE_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(wanted)
    except RuntimeError as error:
        raise InputError(f"device {wanted!r} is unknown to torch; wanted cpu or cuda") from error
    if found.type not in ("cpu", "cuda"):
        raise InputError(f"device {wanted!r} is none that models are run on; wanted cpu or cuda")
    if found.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {wanted!r}: torch sees no GPU here; wanted cpu")
    return found
