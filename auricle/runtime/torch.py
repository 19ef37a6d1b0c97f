"""torch: the same arrays in and out as runtime.onnx, from model.safetensors; for machines that have it. Needs the extra `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.config import PublishedConfig
from auricle.core.errors import MissingPackage
from auricle.runtime.graphs import OUTPUTS


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
        outputs = self._module(self._origin.new_tensor(features))
        return [getattr(outputs, name).float().cpu().numpy() for name in OUTPUTS]


class PublishedTorchEngine:
    """model.safetensors of a converted folder; name: torch-fp32, torch-bf16 or compile; device: see models.running."""

    def __init__(self, folder: Path, config: PublishedConfig, name: str, device: str | None = None) -> None:
        self.name = name
        try:
            import auricle.models.running as running
        except ModuleNotFoundError as error:
            raise _explained(error, name) from error
        self._running: Any = running.Running(folder, config, name, device)  # type: ignore[arg-type]

    def run(self, features: np.ndarray) -> list[np.ndarray]:
        """features float32 (B, ...) -> arrays in the order of OUTPUTS."""
        return list(self._running.run(features))

    def words(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not unit."""
        return np.asarray(self._running.words(ids, mask))


def _explained(error: ModuleNotFoundError, runtime: str) -> Exception:
    if error.name != "torch":
        return error
    return MissingPackage(f"runtime {runtime!r} needs torch, which is not installed; pip install 'auricle[train]'")
