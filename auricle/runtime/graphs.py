"""What the engines of exported graphs share: the path of a folder's graph, and what it must take and give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from auricle.core.config import ModelConfig
from auricle.core.errors import InputError, ModelError

#: Graph of a text tower, and what it takes and gives.
TEXT_GRAPH = "words.onnx"
_TEXT = ("ids", "mask"), ("vectors",)


def sound_graph(folder: Path, config: ModelConfig) -> Path:
    """Path of the graph from features to outputs. ModelError where there is none."""
    return there(folder, config.names.graph)


def check_sound(path: Path, config: ModelConfig, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """ModelError where a graph takes something else than features, or does not give each output of the config."""
    found = list(_names(config, outputs))
    if list(inputs) != ["features"] or not set(config.outputs) <= set(found):
        raise ModelError(f"{path}: takes {list(inputs)} and gives {found}; wanted ['features'] and {list(config.outputs)}")


def requested(config: ModelConfig, outputs: Sequence[str], names: Sequence[str] | None) -> dict[str, str]:
    """The outputs that are requested (None: those of the config) -> their names in a graph that gives `outputs`.

    InputError for one that the graph does not give.
    """
    own = _names(config, outputs)
    if unknown := [name for name in names or () if name not in own]:
        raise InputError(
            f"the exported graph of {config.name} has no output {unknown[0]!r}, it has {', '.join(own)}; "
            "choose runtime 'torch-fp32', or name it in: auricle export --outputs"
        )
    return {name: own[name] for name in names or config.outputs}


def _names(config: ModelConfig, outputs: Sequence[str]) -> dict[str, str]:
    """Names of outputs as the config has them -> as a graph has them: those of format 1 differ."""
    old = {own: name for own, name in config.names.outputs.items() if own in outputs and name not in outputs}
    return {old.get(own, own): own for own in outputs}


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
