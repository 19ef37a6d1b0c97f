"""A model folder in, a torch module out, and back: safetensors and config read strictly, written whole, exported to ONNX."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from auricle.core.config import ModelConfig, read_config
from auricle.core.errors import ModelError
from auricle.models.encoders.convolutional import ConvConfig
from auricle.models.tiny import ListeningModel

#: Tensors of the text tower live beside the model's own under this prefix; runtime.tokens reads them.
TEXT = "text."


def load(folder: Path) -> ListeningModel:
    """The listening model of a folder, in evaluation mode. ModelError names what is missing or unexpected."""
    config = read_config(folder / "config.json")
    if not isinstance(config, ModelConfig):
        raise ModelError(f"{folder} holds converted weights of {config.name}; wanted the folder of a listening model")
    try:
        encoder = ConvConfig(**{**config.encoder, "widths": tuple(config.encoder["widths"])})
        tensors = load_file(folder / "model.safetensors")
    except Exception as error:  # safetensors' own errors share no base but Exception
        raise ModelError(f"{folder}: the model cannot be read ({error}); wanted the folder of a listening model") from error
    model = ListeningModel(encoder, labels=len(config.labels), dim=config.dim)
    found = model.load_state_dict({k: v.float() for k, v in tensors.items() if not k.startswith(TEXT)}, strict=False)
    missing = [key for key in found.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or found.unexpected_keys:
        raise ModelError(f"{folder / 'model.safetensors'}: missing {missing[:3]}, unexpected {list(found.unexpected_keys)[:3]}")
    return model.eval()


def shipped_tensors(model: ListeningModel) -> dict[str, Tensor]:
    """The model's tensors as they are shipped: matrices and kernels in half precision, everything else in single."""
    state = {k: v.detach().cpu() for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    return {k: (v.half() if v.ndim > 1 else v.float()).contiguous() for k, v in state.items()}


def save(folder: Path, model: ListeningModel, text: Mapping[str, Tensor], config: Mapping[str, object]) -> None:
    """Write config.json, model.safetensors and model.onnx.

    The graph is exported from the rounded weights and rounded once more after its batch norms are folded into its kernels, so the two
    agree to about 4e-4 of the largest output, not to the bit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = shipped_tensors(model)
    save_file({**tensors, **{k: v.contiguous() for k, v in text.items()}}, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)  # safetensors writes it for its owner alone, but a package is read by all
    full = {**config, "encoder": dataclasses.asdict(model.encoder.config)}
    (folder / "config.json").write_text(json.dumps(full, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    rounded = load(folder)
    export_onnx(rounded, folder / "model.onnx")


def export_onnx(model: ListeningModel, path: Path) -> None:
    """ONNX with free batch and time: `features` (B, T, F) in, the Outputs out; large weights are stored in half precision."""
    import onnx

    model = model.eval()
    example = torch.full((2, 128, model.encoder.config.mels), -40.0)
    program = torch.onnx.export(
        model,
        (example,),
        dynamo=True,
        input_names=["features"],
        output_names=["embedding", "clip", "frames", "likeness"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096), 1: torch.export.Dim("time", min=32, max=1 << 20)},),
        verbose=False,
    )
    assert program is not None
    graph = program.model_proto
    _halve(graph.graph)
    onnx.checker.check_model(graph)
    partial = path.with_suffix(".partial")
    partial.write_bytes(graph.SerializeToString())
    partial.replace(path)


def _halve(graph: object) -> None:
    """Store every large single-precision weight as half precision behind a Cast, which the runtime folds when it opens the model."""
    import onnx
    from onnx import numpy_helper

    assert isinstance(graph, onnx.GraphProto)
    casts = []
    for weight in graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or len(weight.dims) < 2:
            continue
        half = numpy_helper.from_array(numpy_helper.to_array(weight).astype("float16"), name=weight.name + "_half")
        casts.append(onnx.helper.make_node("Cast", [half.name], [weight.name], to=onnx.TensorProto.FLOAT))
        weight.CopyFrom(half)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
