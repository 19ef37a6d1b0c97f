"""What an install can do: versions, optional packages, and whether it hears a sound made on the spot."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from auricle.core.errors import AuricleError
from auricle.core.model_files import read_config
from auricle.core.records import Clip
from auricle.core.units import megabytes
from auricle.core.workers import cpu_count
from auricle.listen.listener import Listener, load
from auricle.runtime import catalog
from auricle.signal.formats import spoken

_CORE = ("auricle", "numpy", "soundfile", "soxr", "onnxruntime", "tokenizers", "pydantic", "typer", "rich", "safetensors")
_EXTRAS = {
    "av": ("av", spoken("av")),
    "lancedb": ("archive", "archives"),
    "fastapi": ("serve", "the service over HTTP"),
    "torch": ("train", "training, and runtime torch-fp32"),
    "transformers": ("hf", "words of published models, and speech encoders"),
    "onnx": ("export", "export to ONNX"),
    "openvino": ("openvino", "the quickest engine for published models"),
}
_RATE = 44_100
_LABELS = 60  # labels of a model that are listed
_WORDS = ("a dog barks", "rain", "church bells", "a man speaks", "an engine")
#: Cosine above which the vectors of such words say nothing: published towers stay below 0.9, one known bad one gives 0.9993
#: (https://github.com/embeddings-benchmark/mteb/issues/5069).
_COLLAPSED = 0.995


def versions() -> list[tuple[str, str]]:
    """Python and the packages of the core, with what decodes sound underneath."""
    import soundfile

    rows = [("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}, {cpu_count()} core(s)")]
    rows += [(name, _version(name) or "not installed") for name in _CORE]
    return [*rows, ("libsndfile", str(soundfile.__libsndfile_version__))]


def extras() -> list[tuple[str, str]]:
    """Optional packages: the version, or how to get them and what for."""
    return [
        (name, _version(name) or f"not installed; pip install 'auricle[{extra}]' brings {what}") for name, (extra, what) in _EXTRAS.items()
    ]


def model_facts(folder: Path) -> list[tuple[str, str]]:
    """What the config and the card of a model folder say, a row each."""
    config, card = read_config(folder / "config.json"), catalog.card(folder)
    rows: list[tuple[str, str]] = [
        (name, _plain(card[name])) for name in ("summary", "licence", "corpora", "parameters", "mel matrix") if name in card
    ]
    rows += [("note", str(note)) for note in card.get("notes", ())]
    rows += [(f"result {name}", _plain(figures)) for name, figures in card.get("results", {}).items()]
    some = ", ".join(config.labels[:_LABELS]) + (", ..." if len(config.labels) > _LABELS else "")
    rows.append(("labels", f"{len(config.labels)}: {some}" if config.labels else "none of its own"))
    rows.append(("hears", f"windows of {config.window.seconds:g} s, {config.frame_rate:g} frames a second, vectors of {config.dim}"))
    return [*rows, ("size", megabytes(catalog.size(folder))), ("folder", str(folder))]


def self_check(model: str | None, runtime: str | None) -> tuple[list[tuple[str, str]], bool]:
    """Rows that say what was tried and how it went, and whether all of it went well."""
    rows: list[tuple[str, str]] = []
    try:
        began = time.perf_counter()
        listener = load(model, runtime)
        rows.append(("model", f"{listener.config.name} from {listener.runtime.folder}"))
        rows.append(("runtime", f"{listener.runtime.engine.name}, opened in {time.perf_counter() - began:.2f} s"))
        faults = [*_sound_faults(listener, rows), *_word_faults(listener, rows)]
    except AuricleError as error:
        faults = [str(error)]
    rows += [("fault", fault) for fault in faults] or [("verdict", "hears well")]
    return rows, not faults


def _sound_faults(listener: Listener, rows: list[tuple[str, str]]) -> list[str]:
    """Ten seconds of swept noise bursts, heard twice, and as much silence."""
    rng = np.random.default_rng(0)
    times = np.arange(10 * _RATE) / _RATE
    bursts = (0.1 * rng.standard_normal(times.size) * (np.sin(2 * np.pi * 0.5 * times) > 0)).astype(np.float32)
    sound, quiet = Clip(bursts, _RATE, "generated bursts"), Clip(np.zeros_like(bursts), _RATE, "generated silence")
    began = time.perf_counter()
    first = listener.listen(sound, top=None)
    seconds = time.perf_counter() - began
    rows.append(("speed", f"10 s of sound in {seconds:.2f} s, {10 / seconds:.0f} times as fast as it lasts"))
    faults = []
    if first.error or first.coverage < 1 or first.silent:
        faults.append(f"a sound of 10 s came out as {first}")
    if not all(0 <= label.score <= 1 for label in first.tags):
        faults.append("scores are not between 0 and 1; the model folder is damaged, install it again")
    if listener.listen(sound, top=None) != first:
        faults.append("the same sound heard twice gave two answers; report this with your versions")
    hush = listener.listen(quiet)
    if not hush.silent or hush.events or any(label.present for label in hush.tags):
        faults.append(f"silence came out as {hush}")
    return faults


def _word_faults(listener: Listener, rows: list[tuple[str, str]]) -> list[str]:
    if not listener.runtime.has_text_tower:
        rows.append(("words", "none: an encoder without a text tower"))
        return []
    vectors = listener.embed_text(_WORDS)
    if vectors.shape[1] != listener.config.dim or not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4):
        return ["words have no vectors of unit length; the model folder is damaged, install it again"]
    cosines = (vectors @ vectors.T)[np.triu_indices(len(_WORDS), 1)]
    rows.append(("words", f"cosines of {len(_WORDS)} different ones: {cosines.min():.3f} to {cosines.max():.3f}"))
    alike = cosines.min() > _COLLAPSED
    return [f"different words have vectors of cosine {cosines.min():.4f} or more: the text tower has collapsed"] if alike else []


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
