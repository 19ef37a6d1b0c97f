"""Export of a model to ONNX graphs (features to outputs, token ids to vectors), with torch's outputs for generated inputs as reference.

Single precision throughout. Attention is exported as two matrix products around a softmax with scaled queries, which engines fuse best.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from auricle.core.config import ModelConfig
from auricle.core.errors import ModelError
from auricle.core.files import atomic_file
from auricle.core.optional import require
from auricle.models.convert.health import sounds
from auricle.models.model import Model
from auricle.signal.crop import fit
from auricle.signal.frontend import Frontend
from auricle.signal.presets import PRESETS

#: Bytes of weights from which they are stored in a separate file: protobuf is limited to 2 GB.
EXTERNAL = 1_500_000_000
#: Length of the shorter test sounds, as a fraction of the window.
SHORTER = 0.37
_MAX_BATCH = 4096
_MAX_TIME = 1 << 24  # frames or samples
_MAX_FOLDED = 1 << 28  # bytes of a constant that is folded
_MASKED = -3.0e38  # added to scores of masked tokens


@dataclasses.dataclass(frozen=True, eq=False)
class Probe:
    """Inputs of a graph and the outputs of torch in single precision."""

    inputs: tuple[np.ndarray, ...]
    outputs: tuple[np.ndarray, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Graphs:
    """Exported graphs. outputs: names of the outputs of encode.onnx. frames: T, None for any. sound, words: probes."""

    outputs: tuple[str, ...]
    frames: int | None
    sound: tuple[Probe, ...]
    words: tuple[Probe, ...]


class _AudioGraph(nn.Module):
    """Features to the named outputs, in order."""

    def __init__(self, model: Model, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.outputs = model, outputs

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model(features, outputs=self.outputs).values())


class _TextGraph(nn.Module):
    """Token ids and mask to vectors of the joint space."""

    def __init__(self, text: nn.Module) -> None:
        super().__init__()
        self.text = text

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        vectors: Tensor = self.text(ids, mask)
        return vectors


def export(model: Model, into: Path, frontend: Mapping[str, np.ndarray], extra: Sequence[str] = ()) -> Graphs:
    """Write encode.onnx, and words.onnx where there is a text tower, into a folder. ModelError where torch cannot export the model.

    frontend: the checkpoint's own filterbank and window. extra: names of encoder states (Model.forward) to add to the config's outputs.
    """
    for name in ("onnx", "onnxscript"):
        require(name, extra="export", why="writing ONNX graphs")
    model.eval().requires_grad_(False)
    batches = _features(model.config, Frontend(model.config.frontend, **frontend))
    outputs = (*model.config.outputs, *(name for name in dict.fromkeys(extra) if name not in model.config.outputs))
    sound = tuple(_probe(model, batch, outputs) for batch in batches)
    frames = batches[0].shape[-2] if batches[0].ndim > 2 else batches[0].shape[-1]
    any_length = len({batch.shape[1:] for batch in batches}) > 1
    dims: dict[int, Any] = {0: torch.export.Dim("batch", min=1, max=_MAX_BATCH)}
    if any_length:
        dims[1] = torch.export.Dim("time", min=max(2, model.config.window.min_frames), max=_MAX_TIME)
    example = next(batch for batch in batches if len(batch) > 1)
    _write(_AudioGraph(model, outputs), {"features": torch.from_numpy(example)}, outputs, [dims], into / model.config.names.graph)
    if model.text is None:
        return Graphs(outputs, None if any_length else frames, sound, ())
    return Graphs(outputs, None if any_length else frames, sound, _export_text_tower(model, into))


def export_half(model: Model, into: Path) -> None:
    """Write the graph of a model with dynamic batch and time into its folder; matrices and kernels are stored in half precision.

    Weights are rounded again after batch norms are folded into kernels, so graph and module agree to about 4e-4 of the largest output.
    """
    onnx: Any = require("onnx", extra="export", why="writing ONNX graphs")
    outputs = tuple(model.config.outputs)
    mels = PRESETS[model.config.frontend].mels
    example = torch.full((2, 128, mels), -40.0)
    least = model.config.window.min_frames
    dims = {0: torch.export.Dim("batch", min=1, max=_MAX_BATCH), 1: torch.export.Dim("time", min=least, max=_MAX_TIME)}
    with atomic_file(into / model.config.names.graph) as partial:
        _write(_AudioGraph(model.eval(), outputs), {"features": example}, outputs, [dims], partial)
        graph = onnx.load(str(partial))
        _halve(onnx, graph.graph)
        onnx.checker.check_model(graph)
        partial.write_bytes(graph.SerializeToString())


def _halve(onnx: Any, graph: Any) -> None:
    """Store single-precision matrices and kernels in half precision, followed by a Cast that the runtime folds when it loads the model."""
    casts = []
    for weight in graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or len(weight.dims) < 2:
            continue
        half = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight).astype("float16"), name=weight.name + "_half")
        casts.append(onnx.helper.make_node("Cast", [half.name], [weight.name], to=onnx.TensorProto.FLOAT))
        weight.CopyFrom(half)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _export_text_tower(model: Model, into: Path) -> tuple[Probe, ...]:
    assert model.text is not None and model.config.text is not None
    rules, config = model.config.text.tower["words"], model.config.text.tower["config"]
    longest, vocabulary = int(rules["length"]), int(config.get("vocab_size") or 256)
    dims: dict[int, Any] = {0: torch.export.Dim("batch", min=1, max=_MAX_BATCH)}
    if any_length := rules.get("fill") != "length":
        dims[1] = torch.export.Dim("length", min=2, max=longest)
    short, long = (min(8, longest), min(24, longest)) if any_length else (longest, longest)
    probes = tuple(_probe_texts(model, *_texts(rows, length, vocabulary, int(rules["pad"]))) for rows, length in ((1, short), (3, long)))
    ids, mask = probes[-1].inputs
    inputs = {"ids": torch.from_numpy(ids), "mask": torch.from_numpy(mask)}
    _write(_TextGraph(model.text), inputs, ("vectors",), [dims, dims], into / "words.onnx")
    return probes


def _texts(rows: int, length: int, vocabulary: int, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Random ids and mask, int64 (rows, length); each row is shorter than the one before."""
    ids = np.random.default_rng(rows).integers(0, vocabulary, (rows, length))
    ids = np.where(ids == pad, (pad + 1) % vocabulary, ids)
    real = np.maximum(2, length - 2 * np.arange(rows))
    mask = (np.arange(length)[None] < real[:, None]).astype(np.int64)
    return np.where(mask > 0, ids, pad), mask


def _features(config: ModelConfig, frontend: Frontend) -> tuple[np.ndarray, ...]:
    """Batches of one and three sounds, of a whole and of a shorter window, padded as in listen.pipeline."""
    least, seconds, policy = round(config.window.shortest * frontend.rate), config.window.seconds, config.window.pad
    long, short = sounds(frontend.rate, seconds), sounds(frontend.rate, SHORTER * seconds)
    batches = (long[:1], long, short[1:2], short)
    return tuple(np.stack([frontend.features(fit(sound, max(least, sound.size), policy)) for sound in batch]) for batch in batches)


@torch.inference_mode()
def _probe(model: Model, features: np.ndarray, outputs: Sequence[str]) -> Probe:
    arrays = model(torch.from_numpy(features), outputs=outputs)
    return Probe((features,), tuple(array.float().numpy() for array in arrays.values()))


@torch.inference_mode()
def _probe_texts(model: Model, ids: np.ndarray, mask: np.ndarray) -> Probe:
    return Probe((ids, mask), (model.embed_tokens(torch.from_numpy(ids), torch.from_numpy(mask)).float().numpy(),))


def _write(module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...], dims: list[dict[int, Any]], partial: Path) -> None:
    """Export, fold, check and save one graph. ModelError where torch cannot export the module."""
    onnx: Any = require("onnx", extra="export", why="writing ONNX graphs")
    optimizer: Any = require("onnxscript.optimizer", extra="export", why="writing ONNX graphs")
    with _quiet():
        try:
            program = torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                dynamo=True,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=tuple(dims),
                custom_translation_table={torch.ops.aten.scaled_dot_product_attention.default: _attention()},
                verbose=False,
            )
        except Exception as error:  # the exporter's errors share no base
            raise ModelError(f"{partial.name}: torch cannot export it ({_first_line(error)}); use runtime 'torch-fp32'") from error
        assert program is not None
        optimizer.optimize_ir(program.model, input_size_limit=_MAX_FOLDED, output_size_limit=_MAX_FOLDED)
        size = sum(value.const_value.nbytes for value in program.model.graph.initializers.values() if value.const_value is not None)
        program.save(str(partial), external_data=size > EXTERNAL)
    onnx.checker.check_model(str(partial))


def _attention() -> Any:
    """Translation of scaled dot-product attention (Vaswani et al. 2017, equation 1) that scales the queries only."""
    onnxscript: Any = require("onnxscript", extra="export", why="writing ONNX graphs")
    op = onnxscript.opset20

    def attention(
        query: Any,
        key: Any,
        value: Any,
        attn_mask: Any = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Any:
        if is_causal or enable_gqa or dropout_p:
            raise NotImplementedError("causal or grouped attention, or attention with dropout, cannot be exported")
        factor = query.shape[-1] ** -0.5 if scale is None else scale
        scores = op.MatMul(op.Mul(query, op.Constant(value_float=factor)), op.Transpose(key, perm=[0, 1, 3, 2]))
        if attn_mask is not None:
            if attn_mask.dtype == onnxscript.ir.DataType.BOOL:
                attn_mask = op.Where(attn_mask, op.Constant(value_float=0.0), op.Constant(value_float=_MASKED))
            scores = op.Add(scores, attn_mask)
        return op.MatMul(op.Softmax(scores, axis=-1), value)

    return attention


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings of the exporter, on which a user cannot act."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
