"""A folder of converted weights in, its engine and its words out: the quickest engine that is installed and keeps the numbers."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from auricle.core.config import PublishedConfig
from auricle.core.errors import MissingPackage, ModelError
from auricle.core.machine import cores
from auricle.runtime.exported import read
from auricle.runtime.tokens import holds

#: Engines that may be chosen unasked where they keep torch's numbers, the quickest first. Compiling takes too long to be among them.
QUICKEST = ("openvino-bf16", "openvino", "onnx")

_BATCH = 32  # texts a call


class PublishedEngine(Protocol):
    """Runs the numbers of one published system."""

    name: str

    def run(self, features: np.ndarray) -> list[np.ndarray]:
        """features float32 (B, ...) -> the arrays of Outputs, in its order."""

    def words(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not unit."""


class PublishedWords:
    """Words to vectors by a published text tower; each text is embedded once."""

    def __init__(self, folder: Path, config: PublishedConfig, engine: PublishedEngine) -> None:
        from auricle.runtime.words import Tokens

        assert config.text is not None
        self._dim, self._engine = config.dim, engine
        self._tokens = Tokens(folder / "tokenizer.json", config.text)
        self._lock = threading.Lock()
        self._known: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of texts, float32 (n, E); unit length unless normalize is False."""
        with self._lock:
            new = sorted({text for text in texts if text not in self._known}, key=len)  # texts alike in length waste least padding
            batches = [new[first : first + _BATCH] for first in range(0, len(new), _BATCH)]
            with ThreadPoolExecutor(cores()) as pool:  # an engine runs a call on one core
                vectors = pool.map(lambda some: self._engine.words(*self._tokens.encode(some)), batches)
                for some, found in zip(batches, vectors, strict=True):
                    self._known.update(zip(some, found, strict=True))
            rows = [self._known[text] for text in texts]
        told = np.stack(rows) if rows else np.zeros((0, self._dim), np.float32)
        if normalize:
            told = told / np.maximum(np.linalg.norm(told, axis=1, keepdims=True), np.float32(1e-12))
        return np.asarray(told, dtype=np.float32)


def open_published(
    folder: Path, config: PublishedConfig, runtime: str | None, device: str | None = None
) -> tuple[PublishedEngine, PublishedWords | None]:
    """Engine and words of a converted folder. runtime: one of open.ENGINES; None chooses. device: where torch runs, see models.running."""
    engine = _engine(folder, config, runtime or chosen(folder, device), device)
    return engine, None if config.text is None else PublishedWords(folder, config, engine)


def chosen(folder: Path, device: str | None = None) -> str:
    """The quickest engine that can run this folder here and that keeps torch's numbers, as measured when its graphs were exported.

    torch, in single precision, where there are no graphs, or where a device is named, by argument or by AURICLE_DEVICE.
    """
    told = read(folder)
    if told is not None and (device or os.environ.get("AURICLE_DEVICE") or "cpu") == "cpu":
        for name in QUICKEST:
            if told.keeps(name) and _runs_here(name):
                return name
    if not _has_weights(folder):
        raise ModelError(f"{folder}: holds graphs alone, and no engine of these that is here keeps their numbers; choose a runtime by name")
    if importlib.util.find_spec("torch"):
        return "torch-fp32"
    raise MissingPackage(
        f"{folder}: nothing installed can run it; pip install 'auricle[hf]' brings torch, or run `auricle export` where torch is"
    )


def _runs_here(name: str) -> bool:
    if name == "onnx":
        return True
    if not importlib.util.find_spec("openvino"):
        return False
    if name == "openvino":
        return True
    from auricle.runtime.openvino import has_bf16

    return has_bf16()


def _has_weights(folder: Path) -> bool:
    """Whether torch could run it: a folder of graphs alone keeps no more than the front-end's tensors."""
    path = folder / "model.safetensors"
    return path.is_file() and holds(path, "encoder.")


def _engine(folder: Path, config: PublishedConfig, runtime: str, device: str | None) -> PublishedEngine:
    if runtime == "onnx":
        from auricle.runtime.onnx import PublishedOnnxEngine

        return PublishedOnnxEngine(folder)
    if runtime.startswith("openvino"):
        from auricle.runtime.openvino import OpenVinoEngine

        return OpenVinoEngine(folder, runtime)
    from auricle.runtime.torch import PublishedTorchEngine

    return PublishedTorchEngine(folder, config, runtime, device)
