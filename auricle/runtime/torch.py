"""torch: the same arrays in and out as runtime.onnx, from model.safetensors; for machines that train. Needs the extra `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.errors import MissingPackage
from auricle.runtime.onnx import OUTPUTS


class TorchEngine:
    """model.safetensors of a folder, built by auricle.models."""

    name = "torch"

    def __init__(self, folder: Path) -> None:
        try:
            import auricle.models.assemble as assemble
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise MissingPackage("runtime 'torch' needs torch, which is not installed; pip install 'auricle[train]'") from error
        self._module: Any = assemble.load(folder).eval().requires_grad_(False)  # without gradients numpy may look at the results
        self._origin: Any = next(self._module.parameters())

    def run(self, features: np.ndarray) -> list[np.ndarray]:
        """features float32 (B, T, F) -> arrays in the order of OUTPUTS."""
        outputs = self._module(self._origin.new_tensor(features))
        return [_output(outputs, name).float().cpu().numpy() for name in OUTPUTS]


def _output(outputs: Any, name: str) -> Any:
    return outputs[name] if isinstance(outputs, dict) else getattr(outputs, name)
