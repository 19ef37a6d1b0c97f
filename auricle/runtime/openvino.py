"""OpenVINO engine on the CPU, one thread per call; calls from several threads run in parallel. Needs the extra `openvino`."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.config import ModelConfig
from auricle.core.errors import InputError, ModelError
from auricle.core.optional import require
from auricle.core.workers import cpu_count
from auricle.runtime import graphs
from auricle.runtime.graphs import first_line

_MAX_STREAMS = 16  # parallel calls: each needs memory for activations
#: Held during the first run of a graph: OpenVINO's bindings initialise their types then, and two threads that do so at once may wait for
#: each other for ever, one with Python's lock and one with the initialisation's.
_FIRST_RUN = threading.Lock()


class OpenVinoEngine:
    """The graphs of a model folder. name: openvino or openvino-bf16. The text graph is compiled at first use."""

    def __init__(self, folder: Path, config: ModelConfig, name: str = "openvino") -> None:
        self.name, self._folder, self._config, self._lock = name, folder, config, threading.Lock()
        if name == "openvino-bf16" and not has_bf16():
            raise InputError("openvino-bf16 needs a processor with bfloat16 units, which this one does not have; wanted runtime openvino")
        path = graphs.graph_path(folder, config.names.graph)
        # Rows run one by one: a batch is not faster on one thread, and results do not depend on the other rows.
        self._audio = _Compiled(path, "bf16" if name == "openvino-bf16" else "f32", rows=1)
        graphs.check_audio_graph(path, config, self._audio.inputs, self._audio.outputs)

    def run(self, features: np.ndarray, outputs: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """features float32 (B, ...) -> outputs by name: those of the config, or those that are requested (engines.Engine)."""
        names = graphs.requested(self._config, self._audio.outputs, outputs)
        rows = [self._audio.run([features[row : row + 1]]) for row in range(len(features))]
        return {name: np.concatenate([row[own] for row in rows]) for name, own in names.items()}

    def embed_tokens(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not normalised."""
        with self._lock:
            compiled = self._text
        arrays = {"ids": ids, "mask": mask}
        return compiled.run([arrays[name] for name in compiled.inputs])["vectors"]

    @functools.cached_property
    def _text(self) -> _Compiled:
        path = graphs.graph_path(self._folder, graphs.TEXT_GRAPH)
        compiled = _Compiled(path, "bf16" if self.name == "openvino-bf16" else "f32")
        graphs.check_text_graph(path, compiled.inputs, compiled.outputs)
        return compiled


def has_bf16() -> bool:
    """Whether this processor has bfloat16 units; without them bfloat16 is not faster than single precision."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class _Compiled:
    """One compiled graph. Each calling thread has its own inference request."""

    def __init__(self, path: Path, precision: str, rows: int | None = None) -> None:
        """rows: B if it is fixed."""
        core = _core()
        self._local, self._has_run = threading.local(), False
        try:
            model = core.read_model(path)
            if rows is not None:
                shape = model.inputs[0].get_partial_shape()
                shape[0] = rows
                model.reshape(shape)
            self._compiled: Any = core.compile_model(model, "CPU", _settings(precision))
        except Exception as error:  # openvino raises plain RuntimeError
            raise ModelError(f"{path}: OpenVINO cannot load it ({_last_line(error)}); export the model again") from error
        self.inputs = [port.get_any_name() for port in self._compiled.inputs]
        self.outputs = [port.get_any_name() for port in self._compiled.outputs]

    def run(self, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Run input arrays, in the order of `inputs`; returns outputs by name."""
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        try:
            with contextlib.nullcontext() if self._has_run else _FIRST_RUN:
                results = request.infer(arrays, share_inputs=True)
            self._has_run = True
        except Exception as error:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(self.inputs, arrays, strict=True))
            raise ModelError(f"the model cannot take {shapes} ({_last_line(error)})") from error
        return {name: np.array(results[index]) for index, name in enumerate(self.outputs)}


def _settings(precision: str) -> dict[str, Any]:
    """One stream with one thread for each parallel call: calls on one stream would wait for each other."""
    streams = min(_MAX_STREAMS, cpu_count())
    return {
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,
        "ENABLE_CPU_PINNING": False,  # other threads and processes may use the same cores
    }


@functools.cache
def _core() -> Any:
    return require("openvino", extra="openvino", why="runtime openvino").Core()


def _last_line(error: Exception) -> str:
    """Last line of an OpenVINO error, whose first lines are locations in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else first_line(error)
