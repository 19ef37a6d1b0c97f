"""What the engines of exported graphs share: what a graph must take and give, and the arrays of Outputs from those that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auricle.core.errors import ModelError

#: Arrays of runtime.open.Outputs, in their order.
OUTPUTS = ("embedding", "clip", "frames", "likeness")
#: What a graph of a published system gives at least; the others are left out where they would be empty.
LEAST = ("embedding", "likeness")
#: What a graph of words takes and gives.
WORDS = ("ids", "mask"), ("vectors",)


def check_sound(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """ModelError where a graph of a published system takes or gives something else than it should."""
    if list(inputs) != ["features"] or not set(LEAST) <= set(outputs) <= set(OUTPUTS):
        raise ModelError(f"{path}: takes {list(inputs)} and gives {list(outputs)}; wanted ['features'] and some of {list(OUTPUTS)}")


def check_words(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """ModelError where a graph of words takes or gives something else than it should."""
    if (tuple(sorted(inputs)), tuple(outputs)) != WORDS:
        raise ModelError(f"{path}: takes {list(inputs)} and gives {list(outputs)}; wanted {list(WORDS[0])} and {list(WORDS[1])}")


def there(folder: Path, name: str) -> Path:
    """Path of a folder's graph. ModelError where it has none."""
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{path} is missing; run: auricle export {folder}, or choose runtime 'torch-fp32'")
    return path


def whole(found: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The arrays of Outputs; what a graph leaves out is empty: clip (B, 0), frames (B, 0, K)."""
    rows = len(found["embedding"])
    clip = found.get("clip", np.zeros((rows, 0), np.float32))
    frames = found.get("frames", np.zeros((rows, 0, clip.shape[1]), np.float32))
    return [found["embedding"], clip, frames, found["likeness"]]


def first_line(error: Exception) -> str:
    """What an error says, cut to one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
