"""The files of a model folder that need no engine: its config, and the fingerprint of what decides its answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from auricle.core.config import EXPORT, FORMAT, MODEL_PARTS, ModelConfig
from auricle.core.errors import ModelError
from auricle.core.format1 import upgraded


def read_config(path: Path) -> ModelConfig:
    """The config.json at that path, of this format or of format 1; ModelError with one line where it cannot be used."""
    try:
        text = path.read_bytes()
        found = json.loads(text)
        if isinstance(found, dict) and found.get("format") == 1:
            return upgraded(text)
        if isinstance(found, dict) and found.get("format", FORMAT) != FORMAT:
            raise ModelError(f"{path}: format is {found['format']}; this release reads {FORMAT} and 1")
        return ModelConfig.model_validate_json(text)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}; wanted the config.json of a model folder") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "config"
        raise ModelError(f"{path}: {where}: {first['msg']} ({error.error_count()} problem(s)); wanted format {FORMAT} or 1") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON ({error}); wanted format {FORMAT} or 1") from error


def fingerprint(folder: str | Path) -> str | None:
    """SHA-256 over the parts of a model folder that decide its answers; None where there is no such folder.

    Graphs are the same model as the weights that they were exported of, within rounding: they have the fingerprint of these.
    """
    return _origin(Path(folder) / EXPORT) or digest_of(Path(folder), MODEL_PARTS)


def digest_of(folder: Path, parts: Sequence[str]) -> str | None:
    """SHA-256 over some files of a folder, as far as they are there; None where none is."""
    paths = [folder / part for part in parts]
    if not any(path.is_file() for path in paths):
        return None
    digest = hashlib.sha256()
    for path in paths:
        if path.is_file():
            digest.update(f"{path.name}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _origin(path: Path) -> str | None:
    """Fingerprint of the weights that an export was made of."""
    try:
        told = json.loads(path.read_bytes())["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return told if isinstance(told, str) else None
