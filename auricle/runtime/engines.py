"""Inference engines, and the choice of the fastest one that is installed and within tolerance."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from auricle.core.config import ModelConfig
from auricle.core.errors import InputError, MissingPackage, ModelError
from auricle.core.optional import pip_command
from auricle.runtime.exported import read_export
from auricle.runtime.tokens import has_tensors

#: Names of all engines.
ENGINES = ("onnx", "openvino", "openvino-bf16", "torch-fp32", "torch-bf16", "compile")
#: Engines that may be chosen by default, the fastest first. Compiling takes too long to be among them.
FASTEST = ("openvino-bf16", "openvino", "onnx")


class Engine(Protocol):
    """Runs the network of one model."""

    name: str

    def run(self, features: np.ndarray, outputs: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """features float32 (B, ...) -> outputs by name: those of the config, or those named in `outputs`.

        Also `frames` (B, T, D), the encoder's frames, and `layer.0`, `layer.1` ... (B, L, width), its hidden states; a graph has those that
        it was exported with. InputError for an output that the engine does not have.
        """

    def embed_tokens(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not normalised."""


def open_engine(folder: Path, config: ModelConfig, runtime: str | None, device: str | None = None) -> Engine:
    """Open an engine. runtime: one of ENGINES; None chooses (choose_engine). device: of torch, see models.running.

    InputError for a device other than the CPU with an engine that has no other.
    """
    runtime = runtime or choose_engine(folder, config, device)
    if runtime in FASTEST and (device or "cpu") != "cpu":
        raise InputError(f"device {device!r} is for engines of torch, and {runtime} runs on the CPU; wanted another runtime, or no device")
    if runtime == "onnx":
        from auricle.runtime.onnx import OnnxEngine

        return OnnxEngine(folder, config)
    if runtime.startswith("openvino"):
        from auricle.runtime.openvino import OpenVinoEngine

        return OpenVinoEngine(folder, config, runtime)
    from auricle.runtime.torch import TorchEngine

    return TorchEngine(folder, config, runtime, device)


def choose_engine(folder: Path, config: ModelConfig, device: str | None = None) -> str:
    """The fastest available engine whose outputs are within tolerance of torch's, as measured when the graphs were exported.

    ONNX Runtime for a folder with a graph and without export.json. torch in single precision where there are no graphs, or where a device
    is given by argument or AURICLE_DEVICE. ModelError or MissingPackage where no engine can run the folder.
    """
    report = read_export(folder)
    on_cpu = (device or os.environ.get("AURICLE_DEVICE") or "cpu") == "cpu"
    if report is None and on_cpu and ((folder / config.names.graph).is_file() or not _has_weights(folder)):
        return "onnx"
    if report is not None and on_cpu:
        for name in FASTEST:
            if report.is_accurate(name) and _is_available(name):
                return name
    if not _has_weights(folder):
        why = (
            "no installed engine is within tolerance; choose a runtime by name" if on_cpu else "graphs run on the CPU; name no other device"
        )
        raise ModelError(f"{folder}: has graphs but no weights, and {why}")
    if importlib.util.find_spec("torch"):
        return "torch-fp32"
    raise MissingPackage(
        f"{folder}: no installed engine can run it; for torch run: {pip_command('hf')}; or run `auricle export` where torch is installed"
    )


def _is_available(name: str) -> bool:
    if name == "onnx":
        return True
    if not importlib.util.find_spec("openvino"):
        return False
    if name == "openvino":
        return True
    from auricle.runtime.openvino import has_bf16

    return has_bf16()


def _has_weights(folder: Path) -> bool:
    """Whether the folder has weights for torch: an exported folder has the front-end's tensors only."""
    path = folder / "model.safetensors"
    return path.is_file() and has_tensors(path, "encoder.")
