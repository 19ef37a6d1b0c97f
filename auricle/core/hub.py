"""Weights by name from the Hugging Face hub: from its local cache, else by download."""

from __future__ import annotations

import re
from pathlib import Path

from auricle.core.errors import ModelError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
#: Files to download from a repository: weights, configs, vocabularies. Never code.
_FILES = ("*.json", "*.safetensors", "pytorch_model*.bin", "merges.txt", "vocab.txt")
_TIMEOUT = 10.0  # timeout of the request for the list of files, seconds


def is_name(text: str) -> bool:
    """Return whether a text has the form OWNER/NAME or OWNER/NAME/FILE."""
    return _NAME.fullmatch(text) is not None


def find(name: str) -> Path:
    """Return the folder of OWNER/NAME, or the path of OWNER/NAME/FILE. ModelError where it is not cached and cannot be downloaded.

    The request for the list of files is made once, for at most _TIMEOUT seconds; only downloads are retried.
    """
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    owner, repository, *file = name.split("/")
    repo = f"{owner}/{repository}"

    def get(patterns: tuple[str, ...], *, local: bool) -> Path:
        if file:
            return Path(huggingface_hub.hf_hub_download(repo, file[0], local_files_only=local))
        return Path(huggingface_hub.snapshot_download(repo, allow_patterns=list(patterns), local_files_only=local))

    try:
        return get(_FILES, local=True)
    except LocalEntryNotFoundError:
        pass
    except Exception as error:  # a name that huggingface_hub refuses
        raise ModelError(f"{name}: {_first_line(error)}; wanted OWNER/NAME as on the hub") from error
    try:
        return get(_weights(repo), local=False)
    except Exception as error:  # no network, no such repository, no access: each has its own class
        raise ModelError(
            f"{name} is not cached and could not be downloaded from {huggingface_hub.constants.ENDPOINT} ({_first_line(error)}); "
            "check the name, or download it on a machine with network access and give the folder"
        ) from error


def _weights(repo: str) -> tuple[str, ...]:
    """Patterns to download: only safetensors where a repository has both kinds of weights."""
    import huggingface_hub

    names = {file.rfilename for file in huggingface_hub.model_info(repo, timeout=_TIMEOUT).siblings or ()}
    return _FILES if "model.safetensors" not in names else tuple(pattern for pattern in _FILES if not pattern.endswith(".bin"))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
