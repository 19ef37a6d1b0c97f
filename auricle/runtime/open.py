"""A model folder in, one Runtime out: the config, sound features to outputs, and words to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from auricle.core.config import Config, ModelConfig, PublishedConfig, read_config
from auricle.core.errors import InputError, ModelError
from auricle.runtime import catalog
from auricle.runtime.tokens import TextTower, stored

#: What can run a model's numbers. Without a choice it is the quickest one that is installed and keeps the numbers (see `chosen`).
ENGINES = ("onnx", "openvino", "openvino-bf16", "torch-fp32", "torch-bf16", "compile")

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


class Words(Protocol):
    """Turns words into vectors."""

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of texts in the joint space, float32 (n, D); unit length unless normalize is False."""


class Runtime:
    """An opened model. Safe to share between threads."""

    def __init__(self, folder: Path, config: Config, engine: Engine, words: Words | None) -> None:
        """words: None for a model that has none."""
        self.folder, self.config, self.engine, self._words = folder, config, engine, words

    @property
    def knows_words(self) -> bool:
        """Whether words can be compared with sounds."""
        return self._words is not None

    def frontend_parts(self) -> dict[str, np.ndarray]:
        """What the checkpoint says of its own front-end: `bank` (bins, mels) and `window` (W,), where it carries them."""
        if not isinstance(self.config, PublishedConfig):
            return {}
        return stored(self.folder / "model.safetensors", "frontend.")

    def run(self, features: np.ndarray) -> Outputs:
        """Features of the front-end with a batch before them, float32, all rows of one length, to Outputs.

        A listening model gets at least 32 frames: fewer repeat their last.
        """
        if features.ndim < 2 or not all(features.shape):
            raise InputError(f"features have shape {features.shape}; wanted (batch, frames, mels) with at least one frame")
        length = features.shape[1]
        if isinstance(self.config, ModelConfig) and length < SHORTEST:
            features = np.pad(features, ((0, 0), (0, SHORTEST - length), (0, 0)), mode="edge")
        outputs = Outputs(*self.engine.run(np.ascontiguousarray(features, dtype=np.float32)))
        if isinstance(self.config, ModelConfig):
            real = -(-length * outputs.frames.shape[1] // features.shape[1])  # frames that come from the sound, not from its padding
            outputs = outputs._replace(frames=outputs.frames[:, :real])
        labels, dim = outputs.clip.shape[-1], outputs.embedding.shape[-1]
        if labels != len(self.config.labels) or dim != self.config.dim:
            wanted = f"{len(self.config.labels)} labels and {self.config.dim} dimensions"
            raise ModelError(f"{self.folder}: the model gives {labels} labels and {dim} dimensions, config.json says {wanted}")
        return outputs

    def embed_text(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of words in the joint space, float32 (n, D); unit length unless normalize is False."""
        if self._words is None:
            raise ModelError(
                f"{self.config.name} knows no words: it is an encoder without a text tower; "
                f"search by example, or choose a model with words, such as {catalog.DEFAULT}"
            )
        return self._words.embed(texts, normalize=normalize)


def open_runtime(model: str | Path | None = None, runtime: str | None = None, *, device: str | None = None) -> Runtime:
    """Open a shipped model by name, a model folder, or published weights (a file, a folder, or a name of the hub); None is the default.

    runtime: one of ENGINES; None is the quickest that keeps the numbers. device: where torch runs a published model, such as "cpu" or
    "cuda"; by default what AURICLE_DEVICE says, else a GPU that torch sees.
    """
    if runtime is not None and runtime not in ENGINES:
        raise InputError(f"runtime {runtime!r} is unknown; wanted one of {', '.join(ENGINES)}")
    folder = catalog.folder(model)
    config = read_config(folder / "config.json")
    if isinstance(config, PublishedConfig):
        from auricle.runtime.published import open_published

        return Runtime(folder, config, *open_published(folder, config, runtime, device))
    return Runtime(folder, config, _engine(folder, runtime or ENGINES[0]), TextTower(folder, config.dim))


def _engine(folder: Path, name: str) -> Engine:
    if name == "onnx":
        from auricle.runtime.onnx import OnnxEngine

        return OnnxEngine(folder)
    if name == "torch-fp32":
        from auricle.runtime.torch import TorchEngine

        return TorchEngine(folder)
    raise InputError(f"the listening models run by onnx or torch-fp32; {name} is for published encoders")
