"""torch: the same arrays in and out as runtime.onnx, from model.safetensors; for machines that have it. Needs the extra `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.config import PublishedConfig
from auricle.core.errors import MissingPackage
from auricle.runtime.onnx import OUTPUTS


class TorchEngine:
    """model.safetensors of a listening model's folder, built by auricle.models."""

    name = "torch-fp32"

    def __init__(self, folder: Path) -> None:
        try:
            import auricle.models.assemble as assemble
        except ModuleNotFoundError as error:
            raise _explained(error, self.name) from error
        self._module: Any = assemble.load(folder).eval().requires_grad_(False)  # without gradients numpy may look at the results
        self._origin: Any = next(self._module.parameters())

    def run(self, features: np.ndarray) -> list[np.ndarray]:
        """features float32 (B, T, F) -> arrays in the order of OUTPUTS."""
        return _arrays(self._module(self._origin.new_tensor(features)))


class PublishedTorchEngine:
    """model.safetensors of a converted folder, in single precision."""

    name = "torch-fp32"

    def __init__(self, folder: Path, config: PublishedConfig) -> None:
        try:
            import torch

            import auricle.models.convert.convert as convert
        except ModuleNotFoundError as error:
            raise _explained(error, self.name) from error
        self._torch = torch
        self._module: Any = convert.load(folder, config)

    def run(self, features: np.ndarray) -> list[np.ndarray]:
        """features float32 (B, ...) -> arrays in the order of OUTPUTS."""
        with self._torch.inference_mode():
            return _arrays(self._module(self._torch.from_numpy(features)))

    def words(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not unit."""
        with self._torch.inference_mode():
            found = self._module.words(self._torch.from_numpy(ids), self._torch.from_numpy(mask))
        return np.asarray(found.float().cpu().numpy())


def _arrays(outputs: Any) -> list[np.ndarray]:
    return [_output(outputs, name).float().cpu().numpy() for name in OUTPUTS]


def _output(outputs: Any, name: str) -> Any:
    return outputs[name] if isinstance(outputs, dict) else getattr(outputs, name)


def _explained(error: ModuleNotFoundError, runtime: str) -> Exception:
    if error.name != "torch":
        return error
    return MissingPackage(f"runtime {runtime!r} needs torch, which is not installed; pip install 'auricle[train]'")
