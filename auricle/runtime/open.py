"""Open a model as a Runtime: audio features to outputs, and texts to vectors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from auricle.core.arguments import check, check_choice
from auricle.core.config import EMBEDDING, FRAMES, ModelConfig, Output
from auricle.core.errors import InputError, ModelError
from auricle.core.model_files import read_config
from auricle.runtime import catalog
from auricle.runtime.engines import ENGINES as ENGINES
from auricle.runtime.engines import Engine, open_engine
from auricle.runtime.masked import clips_by_length, join
from auricle.runtime.tokens import TextTower, load_tensors

#: Outputs of a model by the names of its config, float32: vectors (B, D), not normalised; logits (B, K) of clips and (B, T, K) of frames.
Outputs: TypeAlias = dict[str, np.ndarray]


class TextEmbedder(Protocol):
    """Embeds texts in the joint space."""

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of texts in the joint space, float32 (n, D); unit length unless normalize is False."""

    def has_known_words(self, text: str) -> bool:
        """Whether the tokenizer's vocabulary has any word of a text."""


class Runtime:
    """An opened model. Thread-safe."""

    def __init__(self, folder: Path, config: ModelConfig, engine: Engine, texts: TextEmbedder | None) -> None:
        """texts: None for a model without a text tower."""
        self.folder, self.config, self.engine, self._texts = folder, config, engine, texts

    @property
    def has_text_tower(self) -> bool:
        """Whether the model embeds texts in the space of its audio embeddings."""
        return self._texts is not None

    def frontend_parts(self) -> dict[str, np.ndarray]:
        """Front-end arrays of the checkpoint: `bank` (bins, mels) and `window` (W,), where it has them."""
        return load_tensors(self.folder / "model.safetensors", "frontend.")

    def run(self, features: np.ndarray, *, mask: np.ndarray | None = None, outputs: Sequence[str] | None = None) -> Outputs:
        """Run a batch of front-end features, float32 (B, ...), to the outputs of the config, or to those named in `outputs`.

        mask: bool (B, T), True for real frames (or samples), which come first. Results equal those of each clip alone; arrays over time are
        zero-padded to the longest clip, and `mask` (B, T') is True for their real steps.
        outputs: also `frames` (B, T', D) and `layer.N` (B, L, width), see engines.Engine.run.
        Clips shorter than the config's `min_frames` are padded by repeating the last frame; outputs of padded frames are dropped.
        InputError for features or a mask of a wrong shape.
        """
        if mask is None:
            return self._run(features, outputs)
        groups = clips_by_length(features, mask)
        return join({rows: self._run(clips, outputs) for rows, clips in groups.items()})

    def _run(self, features: np.ndarray, names: Sequence[str] | None) -> Outputs:
        if features.ndim < 2 or not all(features.shape):
            raise InputError(f"features have shape {features.shape}; wanted (batch, frames, mels) with at least one frame")
        length, least = features.shape[1], self.config.window.min_frames
        if length < least:
            features = np.pad(features, ((0, 0), (0, least - length), (0, 0)), mode="edge")
        outputs = self.engine.run(np.ascontiguousarray(features, dtype=np.float32), names)
        for name, array in outputs.items():
            output = self.config.outputs.get(name)
            if length < least and (name == FRAMES if output is None else output.kind == "frame_scores"):
                real = -(-length * array.shape[1] // features.shape[1])  # frames that are not padding
                outputs[name] = array[:, :real]
            if output is not None:
                self._check(name, output, array)
        return outputs

    def _check(self, name: str, output: Output, array: np.ndarray) -> None:
        width = self.config.dim if name == EMBEDDING else len(output.labels)
        if width and array.shape[-1] != width:
            raise ModelError(f"{self.folder}: output {name} has width {array.shape[-1]}; wanted {width}, as in config.json")

    def embed_text(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of texts in the joint space, float32 (n, D); unit length unless normalize is False. ModelError without a text tower."""
        return self._text_tower().embed(texts, normalize=normalize)

    def has_known_words(self, text: str) -> bool:
        """Whether the text tower's vocabulary has any word of a text; False for emoji and for scripts without training data."""
        return self._text_tower().has_known_words(text)

    def _text_tower(self) -> TextEmbedder:
        if self._texts is None:
            raise ModelError(
                f"{self.config.name} has no text tower and cannot embed words; "
                f"search by example, or choose a model with a text tower, such as {catalog.DEFAULT}"
            )
        return self._texts


def open_runtime(model: str | Path | None = None, runtime: str | None = None, *, device: str | None = None) -> Runtime:
    """Open a shipped model by name, a model folder, or published weights (a file, a folder, or a hub name); None is the default model.

    runtime: one of ENGINES; None is the fastest within tolerance. device: of torch, such as "cpu" or "cuda"; by default AURICLE_DEVICE,
    else a GPU if torch finds one.
    """
    check(model, (str, os.PathLike, type(None)), what="model", wanted="a name or a path")
    check(device, (str, type(None)), what="device", wanted='a torch device, such as "cpu" or "cuda"')
    if runtime is not None:
        check_choice(runtime, ENGINES, what="runtime")
    folder = catalog.find_folder(model)
    config = read_config(folder / "config.json")
    engine = open_engine(folder, config, runtime, device)
    return Runtime(folder, config, engine, _texts(folder, config, engine))


def _texts(folder: Path, config: ModelConfig, engine: Engine) -> TextEmbedder | None:
    if config.text is None:
        return None
    if config.text.tower.get("family") == "static":
        return TextTower(folder, config.dim)
    from auricle.runtime.tokenizer import EngineTextEmbedder

    return EngineTextEmbedder(folder, config.text, config.dim, engine)
