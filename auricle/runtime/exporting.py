"""A converted folder in, its graphs out: written, run by every engine that is here, held to torch's numbers, and put in place whole."""

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

from auricle.core.config import EXPORT, MODEL_PARTS, ModelConfig
from auricle.core.errors import MissingPackage, ModelError
from auricle.core.files import atomic_files, atomic_folder, write_text
from auricle.core.model_files import digest_files, read_config
from auricle.runtime.engines import Engine
from auricle.runtime.exported import FORMAT, KEPT, Agreement, Exported, Measured, read
from auricle.runtime.tokens import stored

_GRAPHS = (
    "encode.onnx.data",
    "model.onnx.data",
    "words.onnx.data",
    "encode.onnx",
    "model.onnx",
    "words.onnx",
)  # those that others refer to come first
_BESIDE = ("config.json", "card.json", "tokenizer.json")  # what a folder of graphs needs of the one that it was made of
_PACKAGES = ("auricle", "torch", "onnx", "onnxscript", "onnxruntime", "openvino")
_SMALLEST = 1e-12


class Probe(Protocol):
    """Arrays to give, and what torch makes of them."""

    @property
    def given(self) -> tuple[np.ndarray, ...]:
        """What goes in."""

    @property
    def wanted(self) -> tuple[np.ndarray, ...]:
        """What has to come out, (B, ...) each."""


class Probes(Protocol):
    """Names of a graph's outputs, and probes of sounds and of words (none without a text tower)."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the graph gives, in this order."""

    @property
    def sound(self) -> Sequence[Probe]:
        """Features and outputs."""

    @property
    def words(self) -> Sequence[Probe]:
        """Token ids with their mask, and vectors."""


def export(folder: Path, into: Path | None = None, *, model: Any = None, outputs: Sequence[str] = ()) -> Exported:
    """Write the graphs of a converted folder beside its weights, or `into` a new folder, which runs without torch.

    model: the folder's module (models.model.Model), where it is in memory already. outputs: states of the encoder that the graph gives
    besides the outputs of the config: `frames`, `layer.0`, `layer.1` ... InputError for those that the encoder does not have.
    ModelError where a graph does not give torch's numbers: nothing is written then. export.json comes last, so that it speaks for all.
    """
    config = read_config(folder / "config.json")
    if into is None and read(folder) is None and (folder / config.names.graph).is_file():
        raise ModelError(f"{folder} came with its graph; wanted --into DIR, or a folder of converted or trained weights")
    if into is not None and into.exists() and any(into.iterdir()):
        raise ModelError(f"{into} is there already and not empty; wanted a new folder")
    if into is not None:
        with atomic_folder(into) as partial:
            told = _made(folder, config, partial, model, outputs)
            _copy_rest(partial, folder)
        return told
    with atomic_files(folder, last=EXPORT) as partial:
        told = _made(folder, config, partial, model, outputs)
        (folder / EXPORT).unlink(missing_ok=True)  # it speaks for all graphs: none is taken out before it
        for name in _GRAPHS:
            (folder / name).unlink(missing_ok=True)  # of an earlier export
    return told


def _made(folder: Path, config: ModelConfig, partial: Path, model: Any, outputs: Sequence[str]) -> Exported:
    """Graphs and export.json, in a folder of their own."""
    try:
        from auricle.models.export import export as export_graphs
        from auricle.models.folder import load
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingPackage(f"{folder}: graphs are exported with torch, which is not installed; pip install 'auricle[export]'") from error
    made = export_graphs(model or load(folder, config), partial, stored(folder / "model.safetensors", "frontend."), outputs)
    engines: dict[str, Measured] = {}
    failed: dict[str, str] = {}
    for name, opened in _engines(partial, config):
        try:
            engines[name] = measured(opened(), made)
        except ModelError as error:
            failed[name] = str(error).replace(f"{partial}{os.sep}", "")
    if "onnx" in failed:
        raise ModelError(f"{folder}: {failed['onnx']}; nothing was written")
    if engines["onnx"].cosine < KEPT:
        cosine = engines["onnx"].cosine
        raise ModelError(f"{folder}: the graph's vectors have cosine {cosine:.6f} to torch's; wanted {KEPT}: nothing was written")
    told = Exported(
        format=FORMAT,
        fingerprint=str(digest_files(folder, [part for part in MODEL_PARTS if not part.endswith(".onnx")])),
        outputs=made.outputs,
        frames=made.frames,
        engines=engines,
        failed=failed,
        made_with=dict(_versions()),
    )
    write_text(partial / EXPORT, json.dumps(told.model_dump(mode="json"), indent=1) + "\n")
    return told


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(name)


def _engines(folder: Path, config: ModelConfig) -> Iterator[tuple[str, Callable[[], Engine]]]:
    """Every engine of graphs that is here, and what opens it."""
    from auricle.runtime.onnx import OnnxEngine

    yield "onnx", lambda: OnnxEngine(folder, config)
    if importlib.util.find_spec("openvino"):
        from auricle.runtime.openvino import OpenVinoEngine, has_bf16

        yield "openvino", lambda: OpenVinoEngine(folder, config)
        if has_bf16():
            yield "openvino-bf16", lambda: OpenVinoEngine(folder, config, "openvino-bf16")


def measured(engine: Engine, made: Probes) -> Measured:
    """An engine beside torch, on sounds and on words."""

    def run(features: np.ndarray) -> list[np.ndarray]:
        return list(engine.run(features, made.outputs).values())

    def embed(ids: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
        return [engine.embed_tokens(ids, mask)]

    return Measured(sound=agreement(run, made.sound), words=agreement(embed, made.words) if made.words else None)


def agreement(run: Callable[..., Sequence[np.ndarray]], probes: Sequence[Probe]) -> Agreement:
    """What a function of arrays keeps of what is wanted. ModelError where its arrays have other shapes."""
    cosine, difference = 1.0, 0.0
    for probe in probes:
        found = run(*probe.given)
        if [value.shape for value in found] != [value.shape for value in probe.wanted]:
            raise ModelError(f"the graph gives {[value.shape for value in found]}; wanted {[value.shape for value in probe.wanted]}")
        for ours, theirs in zip(found, probe.wanted, strict=True):
            rows, wanted = (value.reshape(len(value), -1).astype(np.float64) for value in (ours, theirs))
            norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(wanted, axis=1)
            cosine = min(cosine, float(((rows * wanted).sum(axis=1) / np.maximum(norms, _SMALLEST)).min()))
            difference = max(difference, float(np.abs(rows - wanted).max() / max(np.abs(wanted).max(), _SMALLEST)))
    return Agreement(cosine=cosine, difference=difference)


def _copy_rest(partial: Path, folder: Path) -> None:
    """What graphs in a folder of their own need of the converted folder; of the weights, the front-end's tensors alone."""
    from safetensors.numpy import save_file

    for name in _BESIDE:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, partial / name)
    tensors = stored(folder / "model.safetensors", "frontend.")
    save_file({f"frontend.{name}": value for name, value in tensors.items()}, partial / "model.safetensors")
