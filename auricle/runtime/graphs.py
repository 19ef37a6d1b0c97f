"""What the engines of exported graphs share: the path of a folder's graph, and what it must take and give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auricle.core.config import ModelConfig
from auricle.core.errors import ModelError

#: Graph of a text tower, and what it takes and gives.
TEXT_GRAPH = "words.onnx"
_TEXT = ("ids", "mask"), ("vectors",)


def sound_graph(folder: Path, config: ModelConfig) -> Path:
    """Path of the graph from features to outputs. ModelError where there is none."""
    return there(folder, config.names.graph)


def check_sound(path: Path, config: ModelConfig, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """ModelError where a graph takes something else than features, or does not give each output of the config."""
    found = [config.names.outputs.get(name, name) for name in outputs]
    if list(inputs) != ["features"] or not set(config.outputs) <= set(found):
        raise ModelError(f"{path}: takes {list(inputs)} and gives {found}; wanted ['features'] and {list(config.outputs)}")


def named(config: ModelConfig, outputs: Sequence[str], arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of the config, in its order, of what a graph gave."""
    found = {config.names.outputs.get(name, name): array for name, array in zip(outputs, arrays, strict=True)}
    return {name: found[name] for name in config.outputs}


def check_text(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """ModelError where a graph of a text tower takes or gives something else than it should."""
    if (tuple(sorted(inputs)), tuple(outputs)) != _TEXT:
        raise ModelError(f"{path}: takes {list(inputs)} and gives {list(outputs)}; wanted {list(_TEXT[0])} and {list(_TEXT[1])}")


def there(folder: Path, name: str) -> Path:
    """Path of a folder's graph. ModelError where it has none."""
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{path} is missing; run: auricle export {folder}, or choose runtime 'torch-fp32'")
    return path


def first_line(error: Exception) -> str:
    """What an error says, cut to one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
