"""A model folder in, one Runtime out: the config, sound features to outputs, and words to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from auricle.core.config import ModelConfig, read_config
from auricle.core.errors import InputError, ModelError
from auricle.runtime import catalog
from auricle.runtime.tokens import TextTower

#: Engines by name, the default first.
ENGINES = ("onnx", "torch")

#: Fewest feature frames that a model takes.
SHORTEST = 32


class Outputs(NamedTuple):
    """float32. embedding (B, D): joint space, not unit. clip (B, K), frames (B, T, K): logits.

    likeness (B, E): what tells sounds apart, whether or not words can; not unit.
    """

    embedding: np.ndarray
    clip: np.ndarray
    frames: np.ndarray
    likeness: np.ndarray


class Engine(Protocol):
    """Runs the numbers of one model."""

    name: str

    def run(self, features: np.ndarray) -> list[np.ndarray]:
        """features float32 (B, T, F) -> the arrays of Outputs, in its order."""


class Runtime:
    """An opened model. Safe to share between threads."""

    def __init__(self, folder: Path, config: ModelConfig, engine: Engine) -> None:
        self.folder, self.config, self.engine = folder, config, engine
        self._text = TextTower(folder, config.dim)

    def run(self, features: np.ndarray) -> Outputs:
        """Log-mel features float32 (B, T, F), all rows of one length, to Outputs. Fewer than 32 frames repeat their last."""
        if features.ndim != 3 or not features.shape[1]:
            raise InputError(f"features have shape {features.shape}; wanted (batch, frames, mels) with at least one frame")
        length = features.shape[1]
        if length < SHORTEST:
            features = np.pad(features, ((0, 0), (0, SHORTEST - length), (0, 0)), mode="edge")
        outputs = Outputs(*self.engine.run(np.ascontiguousarray(features, dtype=np.float32)))
        real = -(-length * outputs.frames.shape[1] // features.shape[1])  # frames that come from the sound, not from its padding
        outputs = outputs._replace(frames=outputs.frames[:, :real])
        labels, dim = outputs.clip.shape[-1], outputs.embedding.shape[-1]
        if labels != len(self.config.labels) or dim != self.config.dim:
            wanted = f"{len(self.config.labels)} labels and {self.config.dim} dimensions"
            raise ModelError(f"{self.folder}: the model gives {labels} labels and {dim} dimensions, config.json says {wanted}")
        return outputs

    def embed_text(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of words in the joint space, float32 (n, D); unit length unless normalize is False."""
        return self._text.embed(texts, normalize=normalize)


def open_runtime(model: str | Path | None = None, runtime: str | None = None) -> Runtime:
    """Open a shipped model by name, or a model folder; None is the default model.

    runtime: 'onnx' or 'torch'; None is 'onnx', which every install has.
    """
    folder = catalog.folder(model)
    if runtime is not None and runtime not in ENGINES:
        raise InputError(f"runtime {runtime!r} is unknown; wanted one of {', '.join(ENGINES)}")
    config = read_config(folder / "config.json")
    return Runtime(folder, config, _engine(folder, runtime or ENGINES[0]))


def _engine(folder: Path, name: str) -> Engine:
    if name == "torch":
        from auricle.runtime.torch import TorchEngine

        return TorchEngine(folder)
    from auricle.runtime.onnx import OnnxEngine

    return OnnxEngine(folder)
