"""Sound recognition: audio files or arrays in, tags, events, text scores and embeddings out. Names are imported on first use."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "load": "auricle.listen.listener",
    "Listener": "auricle.listen.listener",
    "ZeroShot": "auricle.listen.zeroshot",
    "Classification": "auricle.core.records",
    "Clip": "auricle.core.records",
    "Event": "auricle.core.records",
    "Analysis": "auricle.core.records",
    "Label": "auricle.core.records",
    "AuricleError": "auricle.core.errors",
    "InputError": "auricle.core.errors",
    "MissingPackage": "auricle.core.errors",
    "ModelError": "auricle.core.errors",
    "SoundError": "auricle.core.errors",
    "WriteError": "auricle.core.errors",
}

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'auricle' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
