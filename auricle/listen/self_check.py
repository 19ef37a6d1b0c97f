"""Checks of an installation (`auricle doctor`): versions, optional packages, and a test of a model on generated audio."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from auricle.core.errors import AuricleError
from auricle.core.model_files import read_config
from auricle.core.optional import pip_command
from auricle.core.records import Clip
from auricle.core.units import megabytes
from auricle.core.workers import cpu_count
from auricle.listen.listener import Listener, load
from auricle.runtime import catalog
from auricle.signal.formats import format_names

_CORE = ("auricle", "numpy", "soundfile", "soxr", "onnxruntime", "tokenizers", "pydantic", "typer", "rich", "safetensors")
_EXTRAS = {
    "av": ("av", format_names("av")),
    "lancedb": ("archive", "archives"),
    "fastapi": ("serve", "the service over HTTP"),
    "torch": ("train", "training, and runtime torch-fp32"),
    "transformers": ("hf", "tokenizers of published models, and speech encoders"),
    "onnx": ("export", "export to ONNX"),
    "openvino": ("openvino", "the fastest engine for published models"),
}
_RATE = 44_100
_LABELS = 60  # number of labels of a model that are listed
_TEXTS = ("a dog barks", "rain", "church bells", "a man speaks", "an engine")
#: Cosine of different texts above which a text tower is broken: published ones stay below 0.9, one known broken one gives 0.9993
#: (https://github.com/embeddings-benchmark/mteb/issues/5069).
_COLLAPSED = 0.995


def versions() -> list[tuple[str, str]]:
    """Versions of Python, the required packages and libsndfile: (name, version) pairs."""
    import soundfile

    rows = [("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}, {cpu_count()} core(s)")]
    rows += [(name, _version(name) or "not installed") for name in _CORE]
    return [*rows, ("libsndfile", str(soundfile.__libsndfile_version__))]


def extras() -> list[tuple[str, str]]:
    """Optional packages: (name, version) pairs, or how to install a missing one and what it is for."""
    return [(name, _version(name) or f"not installed; {pip_command(extra)} brings {what}") for name, (extra, what) in _EXTRAS.items()]


def model_facts(folder: Path) -> list[tuple[str, str]]:
    """Facts of a model folder from its config and card: (name, text) pairs."""
    config, card = read_config(folder / "config.json"), catalog.read_card(folder)
    rows: list[tuple[str, str]] = [
        (name, _plain(card[name])) for name in ("summary", "licence", "corpora", "parameters", "mel matrix") if name in card
    ]
    rows += [("note", str(note)) for note in card.get("notes", ())]
    rows += [(f"result {name}", _plain(figures)) for name, figures in card.get("results", {}).items()]
    labels = ", ".join(config.labels[:_LABELS]) + (", ..." if len(config.labels) > _LABELS else "")
    rows.append(("labels", f"{len(config.labels)}: {labels}" if config.labels else "none of its own"))
    rows.append(
        ("input", f"windows of {config.window.seconds:g} s, {config.frame_rate:g} frames a second, embeddings of size {config.dim}")
    )
    return [*rows, ("size", megabytes(catalog.folder_size(folder))), ("folder", str(folder))]


class Checked(NamedTuple):
    """rows: (name, result) pairs. faults: none if all checks passed. listener: the model, None if it could not be loaded."""

    rows: list[tuple[str, str]]
    faults: list[str]
    listener: Listener | None


def self_check(model: str | None, runtime: str | None, *, device: str | None = None) -> Checked:
    """Run the checks on a model."""
    rows: list[tuple[str, str]] = []
    listener = None
    try:
        started = time.perf_counter()
        listener = load(model, runtime, device=device)
        rows.append(("model", f"{listener.config.name} from {listener.runtime.folder}"))
        rows.append(("runtime", f"{listener.runtime.engine.name}, opened in {time.perf_counter() - started:.2f} s"))
        faults = [*_audio_faults(listener, rows), *_text_faults(listener, rows)]
    except AuricleError as error:
        faults = [str(error)]
    return Checked(rows, faults, listener)


def _audio_faults(listener: Listener, rows: list[tuple[str, str]]) -> list[str]:
    """Faults in the results for ten seconds of noise bursts, analysed twice, and ten seconds of silence. Adds the speed to rows."""
    rng = np.random.default_rng(0)
    times = np.arange(10 * _RATE) / _RATE
    bursts = (0.1 * rng.standard_normal(times.size) * (np.sin(2 * np.pi * 0.5 * times) > 0)).astype(np.float32)
    sound, silence = Clip(bursts, _RATE, "generated bursts"), Clip(np.zeros_like(bursts), _RATE, "generated silence")
    started = time.perf_counter()
    first = listener.listen(sound, top=None)
    seconds = time.perf_counter() - started
    rows.append(("speed", f"10 s of audio in {seconds:.2f} s, {10 / seconds:.0f} times real time"))
    faults = []
    if first.error or first.coverage < 1 or first.silent:
        faults.append(f"the result for 10 s of noise is wrong: {first}")
    if not all(0 <= label.score <= 1 for label in first.tags):
        faults.append("scores are not between 0 and 1; the model folder is damaged, install it again")
    if listener.listen(sound, top=None) != first:
        faults.append("the same audio gave two different results; report this with your versions")
    result = listener.listen(silence)
    if not result.silent or result.events or any(label.present for label in result.tags):
        faults.append(f"the result for silence is wrong: {result}")
    return faults


def _text_faults(listener: Listener, rows: list[tuple[str, str]]) -> list[str]:
    if not listener.runtime.has_text_tower:
        rows.append(("text", "the model has no text tower"))
        return []
    vectors = listener.embed_text(_TEXTS)
    if vectors.shape[1] != listener.config.dim or not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4):
        return ["text embeddings are not of unit length; the model folder is damaged, install it again"]
    cosines = (vectors @ vectors.T)[np.triu_indices(len(_TEXTS), 1)]
    rows.append(("text", f"cosines of {len(_TEXTS)} different texts: {cosines.min():.3f} to {cosines.max():.3f}"))
    collapsed = cosines.min() > _COLLAPSED
    return [f"different texts have embeddings with cosines of {cosines.min():.4f} or more: the text tower is broken"] if collapsed else []


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
