"""The formats, one file a family: tensors' names in, settings and key map out."""

from __future__ import annotations

import functools
import importlib

from auricle.models.convert.format import Format

#: Modules of this folder; each has FORMATS, a tuple of Format. A checkpoint is of the first format that recognises it.
MODULES: tuple[str, ...] = (
    "panns",
    "hf_clap",
    "laion",
    "msclap",
    "wavcaps",
    "htsat",
    "ssast",
    "ast",
    "audiomae",
    "beats",
    "whisper",
    "speech",
    "efficientat",
    "convnext",
)


@functools.cache
def formats() -> tuple[Format, ...]:
    """Every format, in the order in which they are tried."""
    return tuple(found for name in MODULES for found in importlib.import_module(f"{__name__}.{name}").FORMATS)
