"""Torch inference of a model folder with numpy arrays (used by runtime.torch), in single precision, bfloat16 or compiled.

On the CPU every call runs on one thread and several calls run in parallel, which is faster than one call on several threads. The number
of threads of torch is a setting of the calling thread (OpenMP), so calls run in a pool whose threads set it to one; other threads of the
process keep their setting.

On a GPU calls run one after another, in single precision without TF32, or with autocast. This part is not covered by tests.
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

#: Modules whose input is cast to the type of their weights.
_CAST_INPUT = (nn.Linear, nn.Conv1d, nn.Conv2d)
#: Modules that keep their weights in single precision.
_KEEP_FP32 = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, GaborFilters, GaussianPooling, Pcen)


_WANTED = "cpu, cuda, cuda:0 or mps"


class TorchModel:
    """The module of a model folder as functions of numpy arrays. Thread-safe."""

    def __init__(self, folder: Path, config: ModelConfig, precision: Precision, device: str | None = None) -> None:
        """device: a torch device; None is AURICLE_DEVICE if set, else a GPU if torch finds one, else the CPU."""
        self._device = find_device(device)
        self._autocast = precision == "torch-bf16" and self._device.type == "cuda"
        self._model = load(folder, config)
        if precision == "torch-bf16" and not self._autocast:
            to_bfloat16(self._model)
        self._model.to(self._device)
        self._encode: Callable[[Tensor], dict[str, Tensor]] = self._model if precision != "compile" else _Compiled(self._model)
        self._pool = _single_threaded_pool(cpu_count() if self._device.type == "cpu" else 1)

    def run(self, features: np.ndarray, outputs: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """features float32 (B, ...) -> the outputs of the config, or those that are requested (Model.forward), float32."""
        return self._pool.submit(self._run, features, outputs).result()

    def embed_tokens(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not normalised."""
        return self._pool.submit(self._embed_tokens, ids, mask).result()

    @torch.inference_mode()
    def _run(self, features: np.ndarray, names: Sequence[str] | None) -> dict[str, np.ndarray]:
        tensor = torch.from_numpy(features).to(self._device)
        with self._precision():  # only the outputs of the config are compiled
            outputs = self._encode(tensor) if names is None else self._model(tensor, outputs=names)
        return {name: output.float().cpu().numpy() for name, output in outputs.items()}

    @torch.inference_mode()
    def _embed_tokens(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with self._precision():
            vectors = self._model.embed_tokens(torch.from_numpy(ids).to(self._device), torch.from_numpy(mask).to(self._device))
        return np.asarray(vectors.float().cpu().numpy())

    def _precision(self) -> Any:
        """On a GPU: autocast to bfloat16 if requested, else no TF32 in convolutions (off by default in matrix products)."""
        if self._autocast:
            return torch.autocast("cuda", torch.bfloat16)
        if self._device.type == "cuda":
            return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        return contextlib.nullcontext()


class _Compiled:
    """A module that is compiled at its first call, which takes up to minutes, with weights frozen for this processor.

    Rows run one by one, so that there is one shape to compile, under a lock until compilation is done.
    """

    def __init__(self, model: nn.Module) -> None:
        self._call: Any = torch.compile(model, options={"freezing": True})
        self._lock = threading.Lock()
        self._compiled: set[torch.Size] = set()

    def __call__(self, features: Tensor) -> dict[str, Tensor]:
        rows = [self._row(row[None]) for row in features]
        return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}

    def _row(self, features: Tensor) -> dict[str, Tensor]:
        if features.shape in self._compiled:
            outputs: dict[str, Tensor] = self._call(features)
            return outputs
        with self._lock:
            outputs = self._call(features)
            self._compiled.add(features.shape)
        return outputs


def to_bfloat16(model: nn.Module) -> None:
    """Cast weights to bfloat16 in place. Norms and learned front-ends keep single precision."""
    for module in model.modules():
        if isinstance(module, _KEEP_FP32):
            continue
        for parameter in module.parameters(recurse=False):
            parameter.data = parameter.data.bfloat16()
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_floating_point():
                setattr(module, name, buffer.bfloat16())
        if isinstance(module, _CAST_INPUT):
            module.register_forward_pre_hook(_cast_to_weight)


def _cast_to_weight(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return inputs[0].to(weight.dtype), *inputs[1:]


def _single_threaded_pool(count: int) -> ThreadPoolExecutor:
    """A pool whose threads use one torch thread each; other threads of the process keep their setting."""
    number = torch.get_num_threads()

    def begin() -> None:
        torch.set_num_threads(1)  # for this thread, and as the default of new threads; a temporary thread restores the default
        restore = threading.Thread(target=torch.set_num_threads, args=(number,))
        restore.start()
        restore.join()

    return ThreadPoolExecutor(count, "auricle-torch", initializer=begin)


def find_device(name: str | None) -> torch.device:
    """The device of a name; None is AURICLE_DEVICE if set, else a GPU if torch finds one, else the CPU. InputError where it is absent."""
    name = name or os.environ.get("AURICLE_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device {name!r} is not a device of torch; wanted {_WANTED}") from error
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if device.type not in counts:
        raise InputError(f"device {name!r} is not supported; wanted {_WANTED}")
    if (device.index or 0) >= counts[device.type]:
        raise InputError(f"device {name!r}: torch finds no such device here; wanted another, such as cpu")
    return device
