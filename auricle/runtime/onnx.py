"""ONNX Runtime: features in, outputs out, one thread a call; several calls run side by side on the caller's threads."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.errors import ModelError
from auricle.runtime import graphs
from auricle.runtime.graphs import OUTPUTS, first_line


class OnnxEngine:
    """model.onnx of a listening model's folder."""

    name = "onnx"

    def __init__(self, folder: Path) -> None:
        path = folder / "model.onnx"
        if not path.is_file():
            raise ModelError(f"{path} is missing; export the model, or choose runtime 'torch-fp32' if the folder has only safetensors")
        self._session: Any = _session(path)
        inputs, found = _sides(self._session)
        if inputs != ["features"] or set(found) != set(OUTPUTS):
            raise ModelError(f"{path}: takes {inputs} and gives {found}; wanted ['features'] and {list(OUTPUTS)}")

    def run(self, features: np.ndarray) -> list[np.ndarray]:
        """features float32 (B, T, F) -> arrays in the order of OUTPUTS."""
        return _run(self._session, OUTPUTS, {"features": features})


class PublishedOnnxEngine:
    """model.onnx and words.onnx of a converted folder; words are opened when the first come."""

    name = "onnx"

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        path = graphs.there(folder, "model.onnx")
        self._session: Any = _session(path)
        inputs, self._outputs = _sides(self._session)
        graphs.check_sound(path, inputs, self._outputs)

    def run(self, features: np.ndarray) -> list[np.ndarray]:
        """features float32 (B, ...) -> arrays in the order of OUTPUTS."""
        found = _run(self._session, self._outputs, {"features": features})
        return graphs.whole(dict(zip(self._outputs, found, strict=True)))

    def words(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not unit."""
        with self._lock:
            session = self._words
        return np.asarray(_run(session, ("vectors",), {"ids": ids, "mask": mask})[0])

    @functools.cached_property
    def _words(self) -> Any:
        path = graphs.there(self._folder, "words.onnx")
        session = _session(path)
        graphs.check_words(path, *_sides(session))
        return session


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no base but Exception
        raise ModelError(f"{path}: ONNX Runtime cannot load it ({first_line(error)}); export the model again") from error


def _sides(session: Any) -> tuple[list[str], list[str]]:
    return [item.name for item in session.get_inputs()], [item.name for item in session.get_outputs()]


def _run(session: Any, outputs: tuple[str, ...] | list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
    try:
        return list(session.run(outputs, given))
    except Exception as error:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in given.items())
        raise ModelError(f"the model cannot take {shapes} ({first_line(error)})") from error
