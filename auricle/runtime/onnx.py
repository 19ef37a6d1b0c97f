"""ONNX Runtime: features in, outputs out, one thread a call; several calls run side by side on the caller's threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.errors import ModelError

#: What every graph gives, in the order of runtime.open.Outputs.
OUTPUTS = ("embedding", "clip", "frames", "likeness")


class OnnxEngine:
    """model.onnx of a folder."""

    name = "onnx"

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        path = folder / "model.onnx"
        if not path.is_file():
            raise ModelError(f"{path} is missing; export the model, or choose runtime 'torch-fp32' if the folder has only safetensors")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors share no base but Exception
            raise ModelError(f"{path}: ONNX Runtime cannot load it ({_first_line(error)}); export the model again") from error
        inputs = [item.name for item in self._session.get_inputs()]
        found = [item.name for item in self._session.get_outputs()]
        if inputs != ["features"] or set(found) != set(OUTPUTS):
            raise ModelError(f"{path}: takes {inputs} and gives {found}; wanted ['features'] and {list(OUTPUTS)}")

    def run(self, features: np.ndarray) -> list[np.ndarray]:
        """features float32 (B, T, F) -> arrays in the order of OUTPUTS."""
        try:
            return list(self._session.run(OUTPUTS, {"features": features}))
        except Exception as error:
            raise ModelError(f"the model cannot take features of shape {features.shape} ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
