"""The engine of a model folder: the one that is asked for, or the fastest that is installed and keeps the numbers."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from auricle.core.config import ModelConfig
from auricle.core.errors import MissingPackage, ModelError
from auricle.runtime.exported import read
from auricle.runtime.tokens import holds

#: What can run a model's numbers.
ENGINES = ("onnx", "openvino", "openvino-bf16", "torch-fp32", "torch-bf16", "compile")
#: Engines that may be chosen unasked where they keep torch's numbers, the fastest first. Compiling takes too long to be among them.
FASTEST = ("openvino-bf16", "openvino", "onnx")


class Engine(Protocol):
    """Runs the numbers of one model."""

    name: str

    def run(self, features: np.ndarray, outputs: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """features float32 (B, ...) -> the outputs of the config by name, or those named in `outputs`.

        Besides those of the config: `frames` (B, T, D), the encoder's states in time, and `layer.0`, `layer.1` ... (B, L, width), its inner
        states, which a graph gives if it was exported with them. InputError for an output that the engine does not give.
        """

    def embed_tokens(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not unit."""


def open_engine(folder: Path, config: ModelConfig, runtime: str | None, device: str | None = None) -> Engine:
    """runtime: one of ENGINES; None chooses. device: where torch runs, see models.running."""
    runtime = runtime or chosen(folder, config, device)
    if runtime == "onnx":
        from auricle.runtime.onnx import OnnxEngine

        return OnnxEngine(folder, config)
    if runtime.startswith("openvino"):
        from auricle.runtime.openvino import OpenVinoEngine

        return OpenVinoEngine(folder, config, runtime)
    from auricle.runtime.torch import TorchEngine

    return TorchEngine(folder, config, runtime, device)


def chosen(folder: Path, config: ModelConfig, device: str | None = None) -> str:
    """The fastest engine that can run this folder here and that keeps torch's numbers, as measured when its graphs were exported.

    A folder that came with its graph and without such a report is run by ONNX Runtime. torch, in single precision, where there are no
    graphs, or where a device is named, by argument or by AURICLE_DEVICE.
    """
    report = read(folder)
    on_cpu = (device or os.environ.get("AURICLE_DEVICE") or "cpu") == "cpu"
    if report is None and on_cpu and ((folder / config.names.graph).is_file() or not _has_weights(folder)):
        return "onnx"
    if report is not None and on_cpu:
        for name in FASTEST:
            if report.keeps(name) and _runs_here(name):
                return name
    if not _has_weights(folder):
        raise ModelError(f"{folder}: holds graphs alone, and no engine of these that is here keeps their numbers; choose a runtime by name")
    if importlib.util.find_spec("torch"):
        return "torch-fp32"
    raise MissingPackage(
        f"{folder}: nothing installed can run it; pip install 'auricle[hf]' brings torch, or run `auricle export` where torch is"
    )


def _runs_here(name: str) -> bool:
    if name == "onnx":
        return True
    if not importlib.util.find_spec("openvino"):
        return False
    if name == "openvino":
        return True
    from auricle.runtime.openvino import has_bf16

    return has_bf16()


def _has_weights(folder: Path) -> bool:
    """Whether torch could run it: a folder of graphs alone keeps no more than the front-end's tensors."""
    path = folder / "model.safetensors"
    return path.is_file() and holds(path, "encoder.")
