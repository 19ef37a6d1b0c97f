"""Torch engine: runs model.safetensors with the interface of runtime.onnx. Needs the extra `train`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.config import ModelConfig
from auricle.core.errors import MissingPackage
from auricle.core.optional import pip_command


class TorchEngine:
    """model.safetensors of a model folder; name: torch-fp32, torch-bf16 or compile; device: see models.running."""

    def __init__(self, folder: Path, config: ModelConfig, name: str, device: str | None = None) -> None:
        self.name = name
        try:
            import auricle.models.running as running
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise MissingPackage(f"runtime {name!r} needs torch, which is not installed; run: {pip_command('train')}") from error
        self._model: Any = running.TorchModel(folder, config, name, device)  # type: ignore[arg-type]

    def run(self, features: np.ndarray, outputs: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """features float32 (B, ...) -> outputs by name: those of the config, or those that are requested (engines.Engine)."""
        return dict(self._model.run(features, outputs))

    def embed_tokens(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not normalised."""
        return np.asarray(self._model.embed_tokens(ids, mask))
