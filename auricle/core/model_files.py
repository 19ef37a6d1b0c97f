"""Config and fingerprint of a model folder, read without an inference engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from auricle.core.config import EXPORT, FORMAT, MODEL_PARTS, ModelConfig
from auricle.core.errors import ModelError
from auricle.core.format1 import upgrade_config


def read_config(path: Path) -> ModelConfig:
    """Read config.json of format 2 or 1. ModelError with one line where it is missing or invalid."""
    try:
        text = path.read_bytes()
        fields = json.loads(text)
        if isinstance(fields, dict) and fields.get("format") == 1:
            return upgrade_config(text)
        if isinstance(fields, dict) and fields.get("format", FORMAT) != FORMAT:
            raise ModelError(f"{path}: format is {fields['format']}; this release reads {FORMAT} and 1")
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
    """SHA-256 over the files of a model folder that determine its outputs; None where there is no such folder.

    Exported graphs have the fingerprint of the weights that they come from: they are the same model within rounding.
    """
    return _export_fingerprint(Path(folder) / EXPORT) or digest_files(Path(folder), MODEL_PARTS)


def digest_files(folder: Path, parts: Sequence[str]) -> str | None:
    """SHA-256 over those of the files that a folder has; None if it has none."""
    paths = [folder / part for part in parts]
    if not any(path.is_file() for path in paths):
        return None
    digest = hashlib.sha256()
    for path in paths:
        if path.is_file():
            digest.update(f"{path.name}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _export_fingerprint(path: Path) -> str | None:
    """Fingerprint in export.json of the weights that the graphs come from; None without one."""
    try:
        value = json.loads(path.read_bytes())["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return value if isinstance(value, str) else None
