"""Reading a checkpoint as data: tensors by name, and what else stands in the file. Pickles are read with weights_only, nothing runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from auricle.core.errors import ModelError

#: Names under which training code files a state dict, in the order they are looked for.
_NESTS = ("state_dict", "model", "module", "model_state_dict", "net")
#: What makes numpy's arrays and numbers of plain data, by today's path and by the one that files of numpy 1 name.
_NUMPY = [
    (maker, f"numpy.{path}.multiarray.{maker.__name__}")
    for maker in (np._core.multiarray._reconstruct, np._core.multiarray.scalar)  # type: ignore[attr-defined]
    for path in ("_core", "core")
]
#: Plain data that trainers leave beside the weights (epoch counts, options, a sampler's state). Making one runs no foreign code.
_PLAIN: list[Any] = [
    argparse.Namespace,
    np.dtype,
    np.ndarray,
    *_NUMPY,
    *{type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "u1", "i4", "i8", "?")},
]
#: Most bytes of a config.json beside weights.
_LARGEST_CONFIG = 16 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """A file or folder of published weights. tensors by their published names; meta: whatever else the file holds; config: config.json."""

    path: Path
    tensors: Mapping[str, Tensor]
    meta: Mapping[str, Any]
    config: Mapping[str, Any]

    def has(self, *names: str) -> bool:
        """Whether there is a tensor of each of these names."""
        return all(name in self.tensors for name in names)

    def beside(self, name: str) -> Mapping[str, Any]:
        """A JSON file of that name in the checkpoint's folder, such as preprocessor_config.json; empty where there is none."""
        path = self.path / name
        return _json(path) if path.is_file() else {}


def read(path: Path) -> Checkpoint:
    """A checkpoint of a file (.safetensors, .pt, .pth, .ckpt, .bin) or of a folder as Hugging Face lays it out."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise ModelError(f"{path} is no file; wanted a checkpoint (.safetensors, .pt, .pth, .ckpt, .bin) or a folder of one")
    tensors, meta = _weights(path)
    return Checkpoint(path, tensors, meta, {})


def _folder(path: Path) -> Checkpoint:
    config = _json(path / "config.json")
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = path / f"{name}.index.json"
        if (path / name).is_file():
            tensors, meta = _weights(path / name)
            return Checkpoint(path, tensors, meta, config)
        if index.is_file():
            parts = sorted(set(_json(index).get("weight_map", {}).values()))
            if not all(isinstance(part, str) and Path(part).name == part for part in parts):
                raise ModelError(f"{index}: names files outside its folder; it was not written by a trainer")
            merged: dict[str, Tensor] = {}
            for part in parts:
                merged |= _weights(path / part)[0]
            return Checkpoint(path, merged, {}, config)
    raise ModelError(f"{path}: no weights; wanted model.safetensors or pytorch_model.bin beside config.json")


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            raise ModelError(f"{path}: {path.stat().st_size} bytes are too many for a config; wanted a config.json")
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); wanted the config.json of a model") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path}: holds a {type(found).__name__}; wanted a JSON object")
    return found


def _weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if path.suffix == ".safetensors":
        try:
            return load_file(path), {}
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{path}: cannot be read as safetensors ({error}); fetch it again") from error
    try:
        with torch.serialization.safe_globals(_PLAIN):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle fails in as many ways as there are bytes
        raise ModelError(
            f"{path}: cannot be read as a checkpoint ({_first_line(error)}); it is cut, of another kind, "
            "or holds objects that would have to be run, which auricle never does: ask for safetensors"
        ) from error
    return _unnest(path, found)


def _unnest(path: Path, found: object) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not isinstance(found, Mapping):
        raise ModelError(f"{path}: holds a {type(found).__name__}; wanted a dictionary of tensors")
    outer: dict[str, Any] = {str(key): value for key, value in found.items()}
    nest = next((name for name in _NESTS if isinstance(outer.get(name), Mapping)), None)
    inner = {str(key): value for key, value in outer.pop(nest).items()} if nest is not None else outer
    tensors = {key: value.detach() for key, value in inner.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelError(f"{path}: holds no tensors (found {', '.join(list(outer)[:5]) or 'nothing'}); wanted a checkpoint with weights")
    rest = {key: value for key, value in (outer if nest is not None else inner).items() if not isinstance(value, Tensor)}
    return tensors, rest


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
