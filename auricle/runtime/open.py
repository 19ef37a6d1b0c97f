"""A model folder in, one Runtime out: the config, sound features to outputs, and words to vectors."""

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
from auricle.runtime.tokens import TextTower, stored

#: Outputs of a model by the names of its config, float32: vectors (B, D), not unit; clip_scores (B, K) and frame_scores (B, T, K), logits.
Outputs: TypeAlias = dict[str, np.ndarray]


class Texts(Protocol):
    """Turns texts into vectors."""

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of texts in the joint space, float32 (n, D); unit length unless normalize is False."""

    def reads(self, text: str) -> bool:
        """Whether any word of a text is known."""


class Runtime:
    """An opened model. Safe to share between threads."""

    def __init__(self, folder: Path, config: ModelConfig, engine: Engine, texts: Texts | None) -> None:
        """texts: None for a model without a text tower."""
        self.folder, self.config, self.engine, self._texts = folder, config, engine, texts

    @property
    def has_text_tower(self) -> bool:
        """Whether words can be compared with sounds."""
        return self._texts is not None

    def frontend_parts(self) -> dict[str, np.ndarray]:
        """What the checkpoint says of its own front-end: `bank` (bins, mels) and `window` (W,), where it carries them."""
        return stored(self.folder / "model.safetensors", "frontend.")

    def run(self, features: np.ndarray, *, mask: np.ndarray | None = None, outputs: Sequence[str] | None = None) -> Outputs:
        """Features of the front-end with a batch before them, float32, to the outputs of the config, or to those named in `outputs`.

        mask: bool (B, T), True for real frames (samples, where the model takes those), which come first. Each clip then gives what it gives
        alone; arrays in time are filled with zeros up to the longest clip, and `mask` (B, T') says which of their steps are real.
        outputs: also `frames` (B, T', D) and `layer.N` (B, L, width), see engines.Engine.run.
        An encoder that takes no fewer than `min_frames` gets so many: the last frame is repeated, and frames and frame scores of these are
        left out.
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
                real = -(-length * array.shape[1] // features.shape[1])  # frames that come from the sound, not from its padding
                outputs[name] = array[:, :real]
            if output is not None:
                self._check(name, output, array)
        return outputs

    def _check(self, name: str, output: Output, array: np.ndarray) -> None:
        width = self.config.dim if name == EMBEDDING else len(output.labels)
        if width and array.shape[-1] != width:
            raise ModelError(f"{self.folder}: {name} of the model has {array.shape[-1]} numbers, config.json says {width}")

    def embed_text(self, texts: Sequence[str], *, normalize: bool = True) -> np.ndarray:
        """Vectors of words in the joint space, float32 (n, D); unit length unless normalize is False."""
        return self._text_tower().embed(texts, normalize=normalize)

    def reads(self, text: str) -> bool:
        """Whether the text tower has a word for any word of a text. Emoji, or a script that it was not trained on, it cannot tell apart."""
        return self._text_tower().reads(text)

    def _text_tower(self) -> Texts:
        if self._texts is None:
            raise ModelError(
                f"{self.config.name} knows no words: it is an encoder without a text tower; "
                f"search by example, or choose a model with words, such as {catalog.DEFAULT}"
            )
        return self._texts


def open_runtime(model: str | Path | None = None, runtime: str | None = None, *, device: str | None = None) -> Runtime:
    """Open a shipped model by name, a model folder, or published weights (a file, a folder, or a name of the hub); None is the default.

    runtime: one of ENGINES; None is the fastest that keeps the numbers. device: where torch runs a published model, such as "cpu" or
    "cuda"; by default what AURICLE_DEVICE says, else a GPU that torch sees.
    """
    check(model, (str, os.PathLike, type(None)), what="model", wanted="a name or a path")
    check(device, (str, type(None)), what="device", wanted='a name of torch, such as "cpu" or "cuda"')
    if runtime is not None:
        check_choice(runtime, ENGINES, what="runtime")
    folder = catalog.folder(model)
    config = read_config(folder / "config.json")
    engine = open_engine(folder, config, runtime, device)
    return Runtime(folder, config, engine, _texts(folder, config, engine))


def _texts(folder: Path, config: ModelConfig, engine: Engine) -> Texts | None:
    if config.text is None:
        return None
    if config.text.tower.get("family") == "static":
        return TextTower(folder, config.dim)
    from auricle.runtime.tokenizer import EngineTexts

    return EngineTexts(folder, config.text, config.dim, engine)
