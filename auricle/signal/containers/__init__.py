"""Inspection of files beside their decoder: declared length, truncation, damage, and chains of recordings."""

from __future__ import annotations

import os
from pathlib import Path

from auricle.signal.containers.inspection import Inspection


def examine(path: str | os.PathLike[str], kind: str) -> Inspection:
    """Inspect a file of a format that libsndfile decodes (a name in formats.FORMATS)."""
    from auricle.signal.containers import chunks, mpeg, ogg

    inspector = {"flac": _inspect_flac, "ogg": ogg.examine, "mp3": mpeg.examine}.get(kind, chunks.examine)
    return inspector(Path(path))


def _inspect_flac(path: Path) -> Inspection:
    """Nothing: a flac declares its length, and its decoder reports damage."""
    return Inspection()
