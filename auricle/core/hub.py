"""Weights by their name on the Hugging Face hub: what lies in its local cache is used; else it is fetched, because it was named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from auricle.core.errors import ModelError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
#: What a model's repository may be asked for: weights, settings, words. Never code.
_FILES = ("*.json", "*.safetensors", "pytorch_model*.bin", "merges.txt", "vocab.txt")


def is_name(text: str) -> bool:
    """Whether a text has the form OWNER/NAME or OWNER/NAME/FILE."""
    return _NAME.fullmatch(text) is not None


def find(name: str) -> Path:
    """Folder of OWNER/NAME, or path of OWNER/NAME/FILE. ModelError where it is neither cached nor can be fetched."""
    import huggingface_hub

    owner, repository, *file = name.split("/")
    repo = f"{owner}/{repository}"
    if file:
        return _cached_first(name, lambda local: huggingface_hub.hf_hub_download(repo, file[0], local_files_only=local))
    return _cached_first(
        name,
        lambda local: huggingface_hub.snapshot_download(repo, allow_patterns=list(_weights(repo, local)), local_files_only=local),
    )


def _weights(repo: str, local: bool) -> tuple[str, ...]:
    """Patterns to fetch: one kind of weights is enough where both are there."""
    if local:
        return _FILES
    import huggingface_hub

    names = huggingface_hub.list_repo_files(repo)
    return _FILES if "model.safetensors" not in names else tuple(pattern for pattern in _FILES if not pattern.endswith(".bin"))


def _cached_first(name: str, ask: Callable[[bool], Any]) -> Path:
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(ask(True))
    except LocalEntryNotFoundError:
        pass
    except Exception as error:  # a name that the hub's own checks refuse
        raise ModelError(f"{name}: {_first_line(error)}; wanted OWNER/NAME as on the hub") from error
    try:
        return Path(ask(False))
    except Exception as error:  # no network, no such repository, no rights: each its own class
        raise ModelError(
            f"{name} is not on this machine and could not be fetched ({_first_line(error)}); "
            "fetch it where there is a network and give its folder, or check the name"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
