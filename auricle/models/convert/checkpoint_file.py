"""Reading a checkpoint as data: tensors by name, and what else stands in the file. Pickles are read with weights_only, nothing runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from auricle.core.errors import ModelError

#: Names under which training code files the average of its weights over the last steps, which it evaluates with where there is one.
_AVERAGED = ("ema_state_dict", "state_dict_ema", "model_ema", "ema_model", "ema", "params_ema", "swa_state_dict")
#: Names under which training code files a state dict, in the order they are looked for.
_NESTS = (*_AVERAGED, "state_dict", "model", "module", "model_state_dict", "net", "network", "params", "weights")
_DEEPEST = 4  # state dicts inside state dicts
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
#: How files begin that torch.save writes: a zip, and before torch 1.6 a pickle or a tar.
_ZIP, _PICKLE, _TAR, _TAR_AT = b"PK\x03\x04", b"\x80", b"ustar", 257
#: Files that are often given instead of weights: how they begin, and what to do.
_OTHERS = {
    b"\x1f\x8b": "it is compressed by gzip; unpack it first: gunzip FILE",
    b"version https://git-lfs": "it is a pointer of Git LFS and not the weights; fetch them: git lfs pull",
    b"<": "it is a web page and not the weights; fetch it again, logged in if its site asks for that",
    b"\x89HDF": "it is HDF5, as Keras saves it; wanted weights of torch",
    b"GGUF": "it is GGUF; wanted weights of torch or safetensors",
}
_PART = re.compile(r".+-(\d{5})-of-(\d{5})\.\w+")
#: Names of weights in a folder of the hub, as far as nothing else decides.
_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
#: Most bytes of a config.json beside weights.
_LARGEST_CONFIG = 16 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """A file or folder of published weights.

    tensors by their published names; meta: whatever else the file holds; config: config.json. notes: what was unwrapped, and what was
    chosen where the file holds several sets of weights. ignored: names of tensors that were left out thereby -> reason.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    meta: Mapping[str, Any]
    config: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    ignored: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def has(self, *names: str) -> bool:
        """Whether there is a tensor of each of these names."""
        return all(name in self.tensors for name in names)

    def extractor(self) -> tuple[Path, Mapping[str, Any]]:
        """Settings of the folder's feature extractor and the file that holds them; empty where there are none.

        They are a part of processor_config.json where a processor was saved (transformers 5), else preprocessor_config.json.
        """
        whole, own = self.path / "processor_config.json", self.path / "preprocessor_config.json"
        found = _json(whole).get("feature_extractor") if whole.is_file() else None
        if isinstance(found, dict):
            return whole, found
        return own, _json(own) if own.is_file() else {}


def read(path: Path) -> Checkpoint:
    """A checkpoint of a file (safetensors or torch.save, told by its content), or of a folder or index as Hugging Face lays it out."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise ModelError(f"{path} is no file; wanted a checkpoint (.safetensors, .pt, .pth, .ckpt, .bin) or a folder of one")
    if path.name.lower().endswith(".index.json"):
        return _folder(path.parent, path)
    if (part := _PART.fullmatch(path.name)) is not None:
        raise ModelError(f"{path}: is part {int(part[1])} of {int(part[2])}; wanted the folder that holds all parts and their index")
    tensors, meta, notes = _weights(path)
    return Checkpoint(path, tensors, meta, {}, notes)


def _folder(path: Path, index: Path | None = None) -> Checkpoint:
    config = _json(path / "config.json")
    chosen = index or _chosen(path)
    if not chosen.name.lower().endswith(".index.json"):
        tensors, meta, notes = _weights(chosen)
        return Checkpoint(path, tensors, meta, config, notes)
    merged: dict[str, Tensor] = {}
    for part in _parts(chosen):
        merged |= _weights(path / part)[0]
    return Checkpoint(path, merged, {}, config)


def _chosen(folder: Path) -> Path:
    """The weights or the index of a folder: by the hub's names in any case, or the only file that has a suffix of weights."""
    files = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    for name in ("model.safetensors", "pytorch_model.bin"):
        for found in (name, f"{name}.index.json"):
            if found in files:
                return files[found]
    others = [path for name, path in files.items() if name.endswith(_SUFFIXES)]
    if len(others) == 1:
        return others[0]
    several = f"several files that may be weights ({', '.join(path.name for path in others[:5])})" if others else "no weights"
    raise ModelError(f"{folder}: {several}; wanted model.safetensors or pytorch_model.bin beside config.json, or the path of one file")


def _parts(index: Path) -> list[str]:
    """Names of the files that an index lists."""
    listed = _json(index).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise ModelError(f"{index}: holds no weight_map; wanted the index of weights in parts")
    if not all(isinstance(part, str) and Path(part).name == part for part in listed.values()):
        raise ModelError(f"{index}: names files outside its folder; it was not written by a trainer")
    return sorted(set(listed.values()))


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


def _weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], tuple[str, ...]]:
    """Tensors of a file, what else it holds, and notes; its content decides how it is read, and not its suffix."""
    try:
        if _is_safetensors(path):
            return load_file(path), {}, ()
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read as safetensors ({error}); fetch it again") from error
    try:
        with torch.serialization.safe_globals(_PLAIN), path.open("rb") as stream:  # of a path, torch would go by its suffix
            found = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle fails in as many ways as there are bytes
        raise ModelError(
            f"{path}: cannot be read as a checkpoint ({_first_line(error)}); it is cut, of another kind, "
            "or holds objects that would have to be run, which auricle never does: ask for safetensors"
        ) from error
    return _unnest(path, found)


def _is_safetensors(path: Path) -> bool:
    """Whether a file is safetensors; False for what torch.save wrote; ModelError says what it is otherwise."""
    with path.open("rb") as stream:
        start = stream.read(_TAR_AT + len(_TAR))
    if start.startswith((_ZIP, _PICKLE)) or start[_TAR_AT:] == _TAR:
        return False
    if start[8:9] == b"{":  # after the length of a header, the header: JSON
        return True
    for beginning, what in _OTHERS.items():
        if start.lstrip().startswith(beginning):
            raise ModelError(f"{path}: cannot be read as a checkpoint: {what}")
    raise ModelError(
        f"{path}: cannot be read as a checkpoint: it begins {start[:8]!r}, which is neither safetensors nor a file of torch.save; "
        "it is cut or of another kind, fetch it again"
    )


def _unnest(path: Path, found: object) -> tuple[dict[str, Tensor], dict[str, Any], tuple[str, ...]]:
    if not isinstance(found, Mapping):
        raise ModelError(f"{path}: holds a {type(found).__name__}; wanted a dictionary of tensors")
    inner: dict[str, Any] = {str(key): value for key, value in found.items()}
    meta: dict[str, Any] = {}
    notes: list[str] = []
    for _ in range(_DEEPEST):
        nests = _nests(path, inner)
        if not nests:
            break
        chosen, *others = nests
        if others:
            kind = "the averaged ones" if chosen in _AVERAGED else "the first of the usual names"
            notes.append(f"weights were taken from {chosen!r}, {kind}; left out: {', '.join(map(repr, others))}")
        elif chosen not in _NESTS:
            notes.append(f"weights were taken from {chosen!r}")
        meta = {key: value for key, value in inner.items() if key not in nests and not isinstance(value, Tensor)} | meta
        inner = {str(key): value for key, value in inner[chosen].items()}
    tensors = {key: value.detach() for key, value in inner.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelError(f"{path}: holds no tensors (found {', '.join(list(inner)[:5]) or 'nothing'}); wanted a checkpoint with weights")
    rest = {key: value for key, value in inner.items() if not isinstance(value, Tensor)}
    return tensors, rest | meta, tuple(notes)


def _nests(path: Path, outer: Mapping[str, Any]) -> list[str]:
    """Names in a dictionary under which weights are filed, the first is to be taken; ModelError where that cannot be told."""
    nests = [name for name in _NESTS if _holds_tensors(outer.get(name))]
    if nests or any(isinstance(value, Tensor) for value in outer.values()):
        return nests
    unusual = [name for name, value in outer.items() if _holds_tensors(value)]
    if len(unusual) > 1:
        listed = ", ".join(map(repr, unusual[:5]))
        raise ModelError(f"{path}: holds several sets of tensors ({listed}); wanted one: save the dictionary of the model alone")
    return unusual


def _holds_tensors(found: object, depth: int = _DEEPEST) -> bool:
    """Whether something is a dictionary of tensors, by itself or below one of the usual names."""
    if not isinstance(found, Mapping) or depth == 0:
        return False
    inner = any(_holds_tensors(found[name], depth - 1) for name in _NESTS if name in found)
    return inner or any(isinstance(key, str) and isinstance(value, Tensor) for key, value in found.items())


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
