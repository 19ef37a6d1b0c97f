"""A folder of converted weights in, its engine and its words out: the quickest engine that is installed and keeps the numbers."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from auricle.core.config import PublishedConfig
from auricle.core.errors import MissingPackage

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
            for first in range(0, len(new), _BATCH):
                some = new[first : first + _BATCH]
                ids, mask = self._tokens.encode(some)
                self._known.update(zip(some, self._engine.words(ids, mask), strict=True))
            rows = [self._known[text] for text in texts]
        vectors = np.stack(rows) if rows else np.zeros((0, self._dim), np.float32)
        if normalize:
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        return np.asarray(vectors, dtype=np.float32)


def open_published(folder: Path, config: PublishedConfig, runtime: str | None) -> tuple[PublishedEngine, PublishedWords | None]:
    """Engine and words of a converted folder. runtime: one of open.ENGINES; None chooses."""
    engine = _engine(folder, config, runtime or chosen(folder))
    return engine, None if config.text is None else PublishedWords(folder, config, engine)


def chosen(folder: Path) -> str:
    """The quickest engine that can run this folder here. Those that round more than float32 does are never chosen unasked."""
    if importlib.util.find_spec("torch"):
        return "torch-fp32"
    raise MissingPackage(f"{folder}: nothing installed can run it; pip install 'auricle[train]' brings torch")


def _engine(folder: Path, config: PublishedConfig, runtime: str) -> PublishedEngine:
    from auricle.runtime.torch import PublishedTorchEngine

    return PublishedTorchEngine(folder, config, runtime)
