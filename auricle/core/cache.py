"""Location of the disk cache: converted weights, label embeddings."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """Path of the cache folder of one kind of data, under AURICLE_CACHE or the user's cache folder. It may not exist yet."""
    base = os.environ.get("AURICLE_CACHE")
    if base:
        return Path(base) / kind
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auricle" / kind
