"""ONNX Runtime engine, one thread per call; calls from several threads run in parallel."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.config import ModelConfig
from auricle.core.errors import ModelError
from auricle.runtime import graphs
from auricle.runtime.graphs import first_line


class OnnxEngine:
    """The graphs of a model folder. The text graph is loaded at first use."""

    name = "onnx"

    def __init__(self, folder: Path, config: ModelConfig) -> None:
        self._folder, self._config, self._lock = folder, config, threading.Lock()
        path = graphs.graph_path(folder, config.names.graph)
        self._session: Any = _session(path)
        inputs, self._outputs = _input_output_names(self._session)
        graphs.check_audio_graph(path, config, inputs, self._outputs)

    def run(self, features: np.ndarray, outputs: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """features float32 (B, ...) -> outputs by name: those of the config, or those that are requested (engines.Engine)."""
        names = graphs.requested(self._config, self._outputs, outputs)
        return dict(zip(names, _run(self._session, list(names.values()), {"features": features}), strict=True))

    def embed_tokens(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not normalised."""
        with self._lock:
            session = self._text
        return np.asarray(_run(session, ("vectors",), {"ids": ids, "mask": mask})[0])

    @functools.cached_property
    def _text(self) -> Any:
        path = graphs.graph_path(self._folder, graphs.TEXT_GRAPH)
        session = _session(path)
        graphs.check_text_graph(path, *_input_output_names(session))
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


def _input_output_names(session: Any) -> tuple[list[str], list[str]]:
    return [item.name for item in session.get_inputs()], [item.name for item in session.get_outputs()]


def _run(session: Any, outputs: tuple[str, ...] | list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    try:
        return list(session.run(outputs, inputs))
    except Exception as error:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in inputs.items())
        raise ModelError(f"the model cannot take {shapes} ({first_line(error)})") from error
