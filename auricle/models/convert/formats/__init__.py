"""Published checkpoint formats, one module per family: tensor names to settings and key map."""

from __future__ import annotations

import functools
import importlib

from auricle.models.convert.format import Format

#: Modules of this package; each has FORMATS, a tuple of Format. The first format that recognises a checkpoint is used.
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
    """All formats, in the order in which they are tried."""
    return tuple(fmt for name in MODULES for fmt in importlib.import_module(f"{__name__}.{name}").FORMATS)
