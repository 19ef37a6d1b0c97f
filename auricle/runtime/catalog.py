"""The catalogue of shipped models: a name in, its folder and card out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from auricle.core.errors import ModelError

#: The model that hears when none is named.
DEFAULT = "auricle-tiny"

_WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


def shipped() -> tuple[str, ...]:
    """Names of the models inside the package, sorted."""
    return tuple(sorted(path.parent.name for path in _WEIGHTS.glob("*/config.json")))


def folder(model: str | Path | None) -> Path:
    """Folder of a shipped name, or of a path to a model folder; None is the default model. ModelError if it is neither."""
    if model is None:
        model = DEFAULT
    if isinstance(model, str) and model in shipped():
        return _WEIGHTS / model
    path = Path(model)
    if path.is_dir():
        return path
    if path.exists():
        raise ModelError(f"{path} is not a folder; wanted a model folder with config.json, model.safetensors and model.onnx")
    names = ", ".join(shipped()) or "none in this install"
    raise ModelError(f"no model {str(model)!r}; wanted a shipped name ({names}) or the path of a model folder")


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
    """SHA-256 of model.onnx: what says whether two folders hear the same."""
    try:
        return hashlib.sha256((path / "model.onnx").read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path / 'model.onnx'}: {error.strerror or error}; export the model again") from error
