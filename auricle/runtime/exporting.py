"""Export the graphs of a model folder, compare every installed engine with torch, and write the result atomically."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from auricle.core.config import EXPORT, LINEAGE_FILES, MODEL_PARTS, ModelConfig
from auricle.core.errors import MissingPackage, ModelError
from auricle.core.files import atomic_files, atomic_folder, write_text
from auricle.core.model_files import digest_files, read_config
from auricle.core.optional import pip_command
from auricle.runtime.engines import Engine
from auricle.runtime.exported import FORMAT, MIN_COSINE, Agreement, EngineAccuracy, Exported, read_export
from auricle.runtime.tokens import load_tensors

_GRAPHS = (
    "encode.onnx.data",
    "model.onnx.data",
    "words.onnx.data",
    "encode.onnx",
    "model.onnx",
    "words.onnx",
)  # files that others refer to come first
_COPIED = ("config.json", "card.json", "tokenizer.json", *LINEAGE_FILES)  # copied into a separate folder of graphs
_PACKAGES = ("auricle", "torch", "onnx", "onnxscript", "onnxruntime", "openvino")
_EPSILON = 1e-12


class Probe(Protocol):
    """Inputs of a graph, and torch's outputs for them."""

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        """Input arrays."""

    @property
    def outputs(self) -> tuple[np.ndarray, ...]:
        """Reference outputs, (B, ...) each."""


class Probes(Protocol):
    """Names of a graph's outputs, and probes of audio and of text (none without a text tower)."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the graph's outputs, in order."""

    @property
    def sound(self) -> Sequence[Probe]:
        """Probes of the audio graph: features to outputs."""

    @property
    def words(self) -> Sequence[Probe]:
        """Probes of the text graph: token ids and mask to vectors."""


def export(folder: Path, into: Path | None = None, *, model: Any = None, outputs: Sequence[str] = ()) -> Exported:
    """Write the graphs of a model folder next to its weights, or `into` a new folder, which runs without torch.

    model: the folder's module (models.model.Model), if it is loaded already. outputs: additional outputs of the graph: `frames`,
    `layer.0`, `layer.1` ... InputError for those that the encoder does not have. ModelError where a graph's outputs differ from torch's:
    nothing is written then. export.json is written last, so it always describes complete graphs.
    """
    config = read_config(folder / "config.json")
    if into is None and read_export(folder) is None and (folder / config.names.graph).is_file():
        raise ModelError(f"{folder} came with its graph; wanted -o DIR, or a folder of converted or trained weights")
    if into is not None and into.exists() and any(into.iterdir()):
        raise ModelError(f"{into} exists and is not empty; wanted a new folder")
    if into is not None:
        with atomic_folder(into) as partial:
            exported = _export(folder, config, partial, model, outputs)
            _copy_rest(partial, folder, config)
        return exported
    with atomic_files(folder, last=EXPORT) as partial:
        exported = _export(folder, config, partial, model, outputs)
        (folder / EXPORT).unlink(missing_ok=True)  # before the graphs that it describes
        for name in _GRAPHS:
            (folder / name).unlink(missing_ok=True)  # of an earlier export
    return exported


def _export(folder: Path, config: ModelConfig, partial: Path, model: Any, outputs: Sequence[str]) -> Exported:
    """Write graphs and export.json into `partial`."""
    try:
        from auricle.models.export import export as export_graphs
        from auricle.models.folder import load
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingPackage(f"{folder}: graphs are exported with torch, which is not installed; run: {pip_command('export')}") from error
    graphs = export_graphs(model or load(folder, config), partial, load_tensors(folder / "model.safetensors", "frontend."), outputs)
    engines: dict[str, EngineAccuracy] = {}
    failed: dict[str, str] = {}
    for name, open_engine in _engines(partial, config):
        try:
            engines[name] = measure_engine(open_engine(), graphs)
        except ModelError as error:
            failed[name] = str(error).replace(f"{partial}{os.sep}", "")
    if "onnx" in failed:
        raise ModelError(f"{folder}: {failed['onnx']}; nothing was written")
    if engines["onnx"].cosine < MIN_COSINE:
        cosine = engines["onnx"].cosine
        raise ModelError(f"{folder}: the graph's vectors have cosine {cosine:.6f} to torch's; wanted {MIN_COSINE}: nothing was written")
    exported = Exported(
        format=FORMAT,
        fingerprint=str(digest_files(folder, [part for part in MODEL_PARTS if not part.endswith(".onnx")])),
        outputs=graphs.outputs,
        frames=graphs.frames,
        engines=engines,
        failed=failed,
        made_with=dict(_versions()),
    )
    write_text(partial / EXPORT, json.dumps(exported.model_dump(mode="json"), indent=1) + "\n")
    return exported


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(name)


def _engines(folder: Path, config: ModelConfig) -> Iterator[tuple[str, Callable[[], Engine]]]:
    """Names of the installed engines of graphs, with a function that opens each."""
    from auricle.runtime.onnx import OnnxEngine

    yield "onnx", lambda: OnnxEngine(folder, config)
    if importlib.util.find_spec("openvino"):
        from auricle.runtime.openvino import OpenVinoEngine, has_bf16

        yield "openvino", lambda: OpenVinoEngine(folder, config)
        if has_bf16():
            yield "openvino-bf16", lambda: OpenVinoEngine(folder, config, "openvino-bf16")


def measure_engine(engine: Engine, probes: Probes) -> EngineAccuracy:
    """Compare an engine with torch, for audio and for text."""

    def run(features: np.ndarray) -> list[np.ndarray]:
        return list(engine.run(features, probes.outputs).values())

    def embed(ids: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
        return [engine.embed_tokens(ids, mask)]

    return EngineAccuracy(sound=agreement(run, probes.sound), words=agreement(embed, probes.words) if probes.words else None)


def agreement(run: Callable[..., Sequence[np.ndarray]], probes: Sequence[Probe]) -> Agreement:
    """Agreement of a function's outputs with the reference outputs. ModelError where shapes differ."""
    cosine, difference = 1.0, 0.0
    for probe in probes:
        outputs = run(*probe.inputs)
        shapes, expected = [array.shape for array in outputs], [array.shape for array in probe.outputs]
        if shapes != expected:
            raise ModelError(f"the graph's outputs have shapes {shapes}; wanted {expected}")
        for output, reference in zip(outputs, probe.outputs, strict=True):
            rows, wanted = (array.reshape(len(array), -1).astype(np.float64) for array in (output, reference))
            norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(wanted, axis=1)
            cosine = min(cosine, float(((rows * wanted).sum(axis=1) / np.maximum(norms, _EPSILON)).min()))
            difference = max(difference, float(np.abs(rows - wanted).max() / max(np.abs(wanted).max(), _EPSILON)))
    return Agreement(cosine=cosine, difference=difference)


def _copy_rest(partial: Path, folder: Path, config: ModelConfig) -> None:
    """Copy the files that a separate folder of graphs needs, and of the weights the tensors of the front-end and of a static text tower."""
    from safetensors.numpy import save_file

    for name in _COPIED:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, partial / name)
    static = config.text is not None and config.text.tower.get("family") == "static"
    kept = {
        f"{prefix}{name}": value
        for prefix in ("frontend.", *(["text."] if static else []))
        for name, value in load_tensors(folder / "model.safetensors", prefix).items()
    }
    save_file(kept, partial / "model.safetensors")
