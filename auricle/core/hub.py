"""Weights by their name on the Hugging Face hub: what lies in its local cache is used; else it is fetched, because it was named."""

from __future__ import annotations

import re
from pathlib import Path

from auricle.core.errors import ModelError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
#: What a model's repository may be asked for: weights, settings, words. Never code.
_FILES = ("*.json", "*.safetensors", "pytorch_model*.bin", "merges.txt", "vocab.txt")
_WAIT = 10.0  # seconds that the hub is given to say what it has


def is_name(text: str) -> bool:
    """Whether a text has the form OWNER/NAME or OWNER/NAME/FILE."""
    return _NAME.fullmatch(text) is not None


def find(name: str) -> Path:
    """Folder of OWNER/NAME, or path of OWNER/NAME/FILE. ModelError where it is neither cached nor can be fetched.

    Whether the hub can be reached and has the name is asked once, for at most _WAIT seconds: only a download is worth trying again.
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
    except Exception as error:  # a name that the hub's own checks refuse
        raise ModelError(f"{name}: {_first_line(error)}; wanted OWNER/NAME as on the hub") from error
    try:
        return get(_weights(repo), local=False)
    except Exception as error:  # no network, no such repository, no rights: each its own class
        raise ModelError(
            f"{name} is not on this machine and could not be fetched from {huggingface_hub.constants.ENDPOINT} ({_first_line(error)}); "
            "check the name, or fetch it where there is a network and give its folder"
        ) from error


def _weights(repo: str) -> tuple[str, ...]:
    """Patterns to fetch: one kind of weights is enough where both are there."""
    import huggingface_hub

    names = {file.rfilename for file in huggingface_hub.model_info(repo, timeout=_WAIT).siblings or ()}
    return _FILES if "model.safetensors" not in names else tuple(pattern for pattern in _FILES if not pattern.endswith(".bin"))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
