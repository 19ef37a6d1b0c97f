"""The catalogue: the name of a shipped model, a path or a name of the hub in, a model folder and its card out."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from auricle.core import hub
from auricle.core.cache import cache_folder
from auricle.core.errors import ModelError
from auricle.core.model_files import read_config
from auricle.runtime.converting import convert

#: The model that hears when none is named.
DEFAULT = "auricle-tiny"

#: Suffixes of weights and settings in a folder of published weights.
_CONTENT = {".json", ".safetensors", ".bin", ".pt", ".pth", ".ckpt"}
_WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


def shipped() -> tuple[str, ...]:
    """Names of the models inside the package, sorted."""
    return tuple(sorted(path.parent.name for path in _WEIGHTS.glob("*/config.json")))


def folder(model: str | Path | None) -> Path:
    """Folder of a model: None is the default one. ModelError if it is nothing of this.

    A shipped name and a model folder are themselves. Published weights, a file, a folder, or OWNER/NAME[/FILE] of the hub, are converted
    once into the cache (core.cache).
    """
    if model is None:
        model = DEFAULT
    if isinstance(model, str) and model in shipped():
        return _WEIGHTS / model
    path = Path(model)
    if os.path.exists(path):  # False for what cannot be a path, too
        return path if _is_ours(path) else _converted(path, path.stem)
    if hub.is_name(str(model)):
        return _converted(hub.find(str(model)), str(model))
    names = ", ".join(shipped()) or "none in this install"
    raise ModelError(
        f"no model {str(model)!r}; wanted a shipped name ({names}), the path of a model folder or of weights, or OWNER/NAME on the hub"
    )


def _is_ours(path: Path) -> bool:
    """Whether a folder is a model folder of auricle, or was meant to be one: weights of others are recognised by what they hold."""
    if not path.is_dir():
        return False
    try:
        found = json.loads((path / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return True
    return not isinstance(found, dict) or "format" in found or not {"model_type", "architectures"} & found.keys()


def _converted(path: Path, name: str) -> Path:
    """The cache's folder of published weights, made if it is not there: named after their content, so that changed weights are new ones."""
    into = cache_folder("models") / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', name)}-{_content(path)[:16]}"
    if (into / "config.json").is_file():
        return into
    convert(path, into, name=name)
    return into


def kept() -> tuple[Path, ...]:
    """Folders of weights converted into the cache so far, sorted."""
    return tuple(sorted(path.parent for path in cache_folder("models").glob("*/config.json")))


def _content(path: Path) -> str:
    """SHA-256 over the weights and settings of a file or folder."""
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if file.suffix.lower() in _CONTENT)
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(f"{file.name}\0".encode() + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def card(path: Path) -> dict[str, Any]:
    """card.json of a model folder; ModelError where it is missing or not an object."""
    try:
        found = json.loads((path / "card.json").read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path / 'card.json'}: cannot be read ({error}); a model folder needs its card") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path / 'card.json'}: holds a {type(found).__name__}; wanted a JSON object")
    return found


def size(path: Path) -> int:
    """Bytes of all files of a model folder."""
    return sum(file.stat().st_size for file in path.iterdir() if file.is_file())


def digest(path: Path) -> str:
    """SHA-256 of the graph: what says whether two folders answer alike."""
    graph = path / read_config(path / "config.json").names.graph
    try:
        return hashlib.sha256(graph.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{graph}: {error.strerror or error}; export the model again") from error
