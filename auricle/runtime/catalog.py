"""Find model folders by name, path or hub name, and read their cards."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from auricle.core import hub
from auricle.core.cache import cache_folder
from auricle.core.errors import ModelError
from auricle.core.model_files import read_config

#: Name of the default model.
DEFAULT = "auricle-tiny"
#: Name of the published model that is proposed where the default one recognises nothing.
BETTER = "mn04"

#: Suffixes of weights and settings files of published weights.
_CONTENT = {".json", ".safetensors", ".bin", ".pt", ".pth", ".ckpt"}
_WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


def shipped() -> tuple[str, ...]:
    """Names of the models shipped with the package, sorted."""
    return tuple(sorted(path.parent.name for path in _WEIGHTS.glob("*/config.json")))


def find_folder(model: str | Path | None) -> Path:
    """Folder of a model: a shipped name, a model folder, or published weights; None is the default model. ModelError if there is none.

    Published weights (a file, a folder, a name of the table in runtime.known, or OWNER/NAME[/FILE] on the hub) are converted once into the
    cache (core.cache). A path that exists comes before a name of the table, whose files are never downloaded here.
    """
    if model is None:
        model = DEFAULT
    if isinstance(model, str) and model in shipped():
        return _WEIGHTS / model
    path = Path(model)
    if os.path.exists(path):  # False also for strings that cannot be paths
        return path if _is_model_folder(path) else _convert_cached(path, path.stem)
    from auricle.runtime import known  # imported here: building its types takes a while, which a shipped model does not need

    if str(model) in known.models():
        return _convert_cached(known.find(str(model)), str(model), check=lambda: known.check_hashes(str(model)))
    if hub.is_name(str(model)):
        return _convert_cached(hub.find(str(model)), str(model))
    names = ", ".join(shipped()) or "none in this install"
    raise ModelError(
        f"no model {str(model)!r}; wanted a shipped name ({names}), a published name (auricle models --known), the path of a model folder "
        "or of weights, or OWNER/NAME on the hub"
    )


def _is_model_folder(path: Path) -> bool:
    """Whether a folder is a model folder of auricle, possibly a broken one, and not a folder of transformers."""
    if not path.is_dir():
        return False
    try:
        config = json.loads((path / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return True
    return not isinstance(config, dict) or "format" in config or not {"model_type", "architectures"} & config.keys()


def _convert_cached(path: Path, name: str, check: Callable[[], None] | None = None) -> Path:
    """Convert published weights into the cache unless they are there. The folder's name has their hash, so changed weights are new.

    check: called before a conversion; weights that are converted were checked then.
    """
    into = cache_folder("models") / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', name)}-{_content(path)[:16]}"
    if (into / "config.json").is_file():
        return into
    if check is not None:
        check()
    from auricle.runtime.converting import convert  # imported here, since a shipped model does not need it

    convert(path, into, name=name)
    return into


def converted() -> tuple[Path, ...]:
    """Folders of weights that are converted into the cache, sorted."""
    return tuple(sorted(path.parent for path in cache_folder("models").glob("*/config.json")))


def _content(path: Path) -> str:
    """SHA-256 of the weights and settings of a file or folder."""
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if file.suffix.lower() in _CONTENT)
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(f"{file.name}\0".encode() + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def read_card(path: Path) -> dict[str, Any]:
    """Read card.json of a model folder. ModelError where it is missing or not an object."""
    try:
        card = json.loads((path / "card.json").read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path / 'card.json'}: cannot be read ({error}); a model folder needs its card") from error
    if not isinstance(card, dict):
        raise ModelError(f"{path / 'card.json'}: contains a {type(card).__name__}; wanted a JSON object")
    return card


def folder_size(path: Path) -> int:
    """Size of all files of a model folder, in bytes."""
    return sum(file.stat().st_size for file in path.iterdir() if file.is_file())


def digest(path: Path) -> str:
    """SHA-256 of the graph of a model folder. ModelError where it cannot be read."""
    graph = path / read_config(path / "config.json").names.graph
    try:
        return hashlib.sha256(graph.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{graph}: {error.strerror or error}; export the model again") from error
