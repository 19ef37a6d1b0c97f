"""Paths, inputs and outputs of exported graphs, shared by the engines that run them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from auricle.core.config import ModelConfig
from auricle.core.errors import InputError, ModelError

#: File name of the graph of a text tower, and its inputs and outputs.
TEXT_GRAPH = "words.onnx"
_TEXT = ("ids", "mask"), ("vectors",)


def check_audio_graph(path: Path, config: ModelConfig, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Raise ModelError where a graph's input is not `features`, or an output of the config is missing."""
    names = list(_names(config, outputs))
    if list(inputs) != ["features"] or not set(config.outputs) <= set(names):
        raise ModelError(f"{path}: has inputs {list(inputs)} and outputs {names}; wanted ['features'] and {list(config.outputs)}")


def requested(config: ModelConfig, outputs: Sequence[str], names: Sequence[str] | None) -> dict[str, str]:
    """Map requested outputs (None: those of the config) to their names in a graph with these `outputs`.

    InputError for one that the graph does not have.
    """
    own = _names(config, outputs)
    if unknown := [name for name in names or () if name not in own]:
        raise InputError(
            f"the exported graph of {config.name} has no output {unknown[0]!r}, it has {', '.join(own)}; "
            "choose runtime 'torch-fp32', or name it in: auricle export --outputs"
        )
    return {name: own[name] for name in names or config.outputs}


def _names(config: ModelConfig, outputs: Sequence[str]) -> dict[str, str]:
    """Names of outputs in the config -> in the graph. They differ in format 1."""
    old = {own: name for own, name in config.names.outputs.items() if own in outputs and name not in outputs}
    return {old.get(own, own): own for own in outputs}


def check_text_graph(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Raise ModelError where inputs or outputs of a text tower's graph are not the expected ones."""
    if (tuple(sorted(inputs)), tuple(outputs)) != _TEXT:
        raise ModelError(f"{path}: has inputs {list(inputs)} and outputs {list(outputs)}; wanted {list(_TEXT[0])} and {list(_TEXT[1])}")


def graph_path(folder: Path, name: str) -> Path:
    """Path of a graph in a folder. ModelError where it is missing."""
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{path} is missing; run: auricle export {folder}, or choose runtime 'torch-fp32'")
    return path


def first_line(error: Exception) -> str:
    """First line of an error's message, at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
