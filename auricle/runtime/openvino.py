"""OpenVINO: exported graphs on the CPU, one thread a call; compiled once, several calls run side by side. Needs the extra `openvino`."""

from __future__ import annotations

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

_MOST = 16  # calls side by side: each holds what lies between the layers


class OpenVinoEngine:
    """The graphs of a model folder; name: openvino or openvino-bf16. That of texts is compiled when the first come."""

    def __init__(self, folder: Path, config: ModelConfig, name: str = "openvino") -> None:
        self.name, self._folder, self._config, self._lock = name, folder, config, threading.Lock()
        if name == "openvino-bf16" and not has_bf16():
            raise InputError("this processor has no units for bfloat16, which openvino-bf16 needs; wanted runtime openvino")
        path = graphs.sound_graph(folder, config)
        # Rows are run one by one: a batch is no quicker on one thread, and a row gives the same bits whatever stands beside it.
        self._sound = _Compiled(path, "bf16" if name == "openvino-bf16" else "f32", rows=1)
        graphs.check_sound(path, config, self._sound.inputs, self._sound.outputs)

    def run(self, features: np.ndarray, outputs: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """features float32 (B, ...) -> outputs by name: those of the config, or those that are requested (engines.Engine)."""
        names = graphs.requested(self._config, self._sound.outputs, outputs)
        rows = [self._sound.run([features[row : row + 1]]) for row in range(len(features))]
        return {name: np.concatenate([row[own] for row in rows]) for name, own in names.items()}

    def embed_tokens(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not unit."""
        with self._lock:
            compiled = self._text
        given = {"ids": ids, "mask": mask}
        return compiled.run([given[name] for name in compiled.inputs])["vectors"]

    @functools.cached_property
    def _text(self) -> _Compiled:
        path = graphs.there(self._folder, graphs.TEXT_GRAPH)
        compiled = _Compiled(path, "bf16" if self.name == "openvino-bf16" else "f32")
        graphs.check_text(path, compiled.inputs, compiled.outputs)
        return compiled


def has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 by itself; without such units it is no quicker than single precision."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class _Compiled:
    """One graph, compiled for this processor. Each thread that calls has a request of its own."""

    def __init__(self, path: Path, precision: str, rows: int | None = None) -> None:
        """rows: B where it is always the same."""
        core = _core()
        self._local = threading.local()
        try:
            model = core.read_model(path)
            if rows is not None:
                shape = model.inputs[0].get_partial_shape()
                shape[0] = rows
                model.reshape(shape)
            self._compiled: Any = core.compile_model(model, "CPU", _settings(precision))
        except Exception as error:  # openvino raises plain RuntimeError
            raise ModelError(f"{path}: OpenVINO cannot load it ({_told(error)}); export the model again") from error
        self.inputs = [port.get_any_name() for port in self._compiled.inputs]
        self.outputs = [port.get_any_name() for port in self._compiled.outputs]

    def run(self, given: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays in the order of inputs to those of outputs, by name."""
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        try:
            found = request.infer(given, share_inputs=True)
        except Exception as error:
            shapes = ", ".join(f"{name} {value.shape}" for name, value in zip(self.inputs, given, strict=True))
            raise ModelError(f"the model cannot take {shapes} ({_told(error)})") from error
        return {name: np.array(found[place]) for place, name in enumerate(self.outputs)}


def _settings(precision: str) -> dict[str, Any]:
    """One thread a stream, and a stream for each call that can run at a time: calls over one stream would wait for each other."""
    streams = min(_MOST, cpu_count())
    return {
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,
        "ENABLE_CPU_PINNING": False,  # other work of this process and others may want the same core
    }


@functools.cache
def _core() -> Any:
    return require("openvino", extra="openvino", why="runtime openvino").Core()


def _told(error: Exception) -> str:
    """The last line of an error that begins with where in OpenVINO's source it was raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else first_line(error)
