"""A model folder with known hearing: it tells three pure tones apart by their mel band, so that tests know the true answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers

from auricle.core.config import FRAME_LOGITS
from auricle.core.records import Clip
from auricle.listen.listener import Listener
from auricle.runtime.open import Runtime, open_runtime
from auricle.signal.frontend import Frontend

RATE = 16_000
TONES = {"low tone": 300.0, "middle tone": 1000.0, "high tone": 4000.0}
LABELS = (*TONES, "dog", "rain")  # the last two are never heard
DIM = 8
WORDS = ("[UNK]", "low", "middle", "high", "tone", "dog", "rain", "deep", "hum", "bark", "##ing")


def tone(label: str, seconds: float, *, rate: int = RATE, level: float = 0.3) -> np.ndarray:
    """A pure tone float32 (N,) that the model hears as `label`."""
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * TONES[label] * times)).astype(np.float32)


def silence(seconds: float, *, rate: int = RATE) -> np.ndarray:
    """Digital silence float32 (N,)."""
    return np.zeros(round(seconds * rate), np.float32)


def clip(*pieces: np.ndarray, rate: int = RATE, name: str = "<array>") -> Clip:
    """Pieces one after another as one Clip."""
    return Clip(np.concatenate(pieces), rate, name)


def config() -> dict[str, Any]:
    """config.json of the model."""
    count = len(LABELS)
    line = {"scale": [1.0] * count, "bias": [0.0] * count}
    return {
        "format": 1,
        "name": "tones",
        "frontend": "auricle-16k",
        "frame_rate": 12.5,
        "dim": DIM,
        "window": 10.0,
        "context": 1.0,
        "labels": list(LABELS),
        "calibration": {"clip": line, "frame": line, "text": {"scale": 4.0, "bias": -1.0}},
        "threshold": {"clip": [0.5] * count, "frame": [0.5] * count, "text": 0.5},
        "encoder": {},
        "silence_dbfs": -70.0,
    }


def _bands() -> np.ndarray:
    """The mel band in which each tone peaks (3,)."""
    frontend = Frontend("auricle-16k")
    return np.array([frontend.features(tone(label, 1.0)).mean(axis=0).argmax() for label in TONES])


def graph() -> onnx.ModelProto:
    """The contract's graph: logits are how far a band stands over the mean of all, joint vectors a fixed mixture of bands."""
    rng = np.random.default_rng(7)
    weights = np.zeros((64, len(LABELS)), np.float32)
    for column, band in enumerate(_bands()):
        weights[:, column] = -0.3 / 64
        weights[band, column] += 0.3
    bias = np.full(len(LABELS), -9.0, np.float32)  # 30 dB over the mean
    joint = rng.standard_normal((64, DIM)).astype(np.float32) / 64
    constants = {"weights": weights, "bias": bias, "joint": joint, "axis": np.array([1], np.int64)}
    nodes = [
        helper.make_node("Transpose", ["features"], ["bands"], perm=[0, 2, 1]),
        helper.make_node("AveragePool", ["bands"], ["pooled"], kernel_shape=[4], strides=[4], pads=[0, 3], count_include_pad=0),
        helper.make_node("Transpose", ["pooled"], ["steps"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["steps", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["frames"]),
        helper.make_node("ReduceMax", ["frames", "axis"], ["clip"], keepdims=0),
        helper.make_node("MatMul", ["steps", "joint"], ["mixture"]),
        helper.make_node("ReduceMean", ["mixture", "axis"], ["embedding"], keepdims=0),
        helper.make_node("ReduceMean", ["product", "axis"], ["likeness"], keepdims=0),
    ]
    shapes = {
        "embedding": [DIM],
        "clip": [len(LABELS)],
        "frames": ["U", len(LABELS)],
        "likeness": [len(LABELS)],
    }
    built = helper.make_graph(
        nodes,
        "tones",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["B", "T", 64])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", *shape]) for name, shape in shapes.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(built, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def text_weights() -> dict[str, np.ndarray]:
    """The static text tower, random."""
    rng = np.random.default_rng(11)
    width, hidden = 12, 16
    return {
        "text.tokens": rng.integers(-127, 128, (len(WORDS), width)).astype(np.int8),
        "text.scale": rng.uniform(0.001, 0.01, len(WORDS)).astype(np.float16),
        "text.projection": rng.standard_normal((width, hidden)).astype(np.float16),
        "text.bias": rng.standard_normal(hidden).astype(np.float16),
        "text.output": rng.standard_normal((hidden, DIM)).astype(np.float16),
    }


def without_frames(folder: Path) -> Listener:
    """A Listener of the model in this folder, as if it had no frame-level scores: a window has a tone where any part of it does."""
    opened = open_runtime(folder)
    outputs = {name: output.model_copy(update={"joined": None}) for name, output in opened.config.outputs.items() if name != FRAME_LOGITS}
    return Listener(Runtime(folder, opened.config.model_copy(update={"outputs": outputs}), opened.engine, None))


def write(folder: Path) -> Path:
    """The whole model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config()))
    (folder / "card.json").write_text(json.dumps({"name": "tones", "licence": "CC0-1.0", "summary": "Tells three tones apart."}))
    onnx.save(graph(), str(folder / "model.onnx"))
    save_file(text_weights(), str(folder / "model.safetensors"))
    tokenizer = Tokenizer(models.WordPiece({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder
