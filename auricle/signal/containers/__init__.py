"""What a file's own bytes say that its decoder does not: how long it claims to be, and where it was cut."""

from __future__ import annotations

import os
from pathlib import Path

from auricle.signal.containers.inspection import Finding


def examine(path: str | os.PathLike[str], kind: str) -> Finding:
    """Look at a file of a kind that libsndfile decodes, beside its decoder."""
    from auricle.signal.containers import chunks, mpeg, ogg

    look = {"flac": _nothing, "ogg": ogg.examine, "mp3": mpeg.examine}.get(kind, chunks.examine)
    return look(Path(path))


def _nothing(path: Path) -> Finding:
    """flac says how long it is, and its decoder says where it breaks."""
    return Finding()
