"""Where things are kept that can be made again: converted weights, vectors of labels."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for one kind of thing: under AURICLE_CACHE, else under the user's cache. It may not exist yet."""
    named = os.environ.get("AURICLE_CACHE")
    if named:
        return Path(named) / kind
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auricle" / kind
