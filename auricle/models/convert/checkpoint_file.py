"""Read a checkpoint: tensors by name and other plain data. Pickles are read with weights_only, so no foreign code runs."""

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

#: Keys under which training code saves averaged weights (EMA, SWA), with which it evaluates.
_AVERAGED = ("ema_state_dict", "state_dict_ema", "model_ema", "ema_model", "ema", "params_ema", "swa_state_dict")
#: Keys under which training code saves a state dict, in order of preference.
_STATE_DICTS = (*_AVERAGED, "state_dict", "model", "module", "model_state_dict", "net", "network", "params", "weights")
_MAX_DEPTH = 4  # state dicts inside state dicts
#: Functions that rebuild numpy arrays and scalars, under their current path and that of numpy 1.
_NUMPY_GLOBALS = [
    (maker, f"numpy.{path}.multiarray.{maker.__name__}")
    for maker in (np._core.multiarray._reconstruct, np._core.multiarray.scalar)  # type: ignore[attr-defined]
    for path in ("_core", "core")
]
#: Types of plain data that trainers save with the weights (epochs, options, sampler states). Unpickling them runs no foreign code.
_SAFE_GLOBALS: list[Any] = [
    argparse.Namespace,
    np.dtype,
    np.ndarray,
    *_NUMPY_GLOBALS,
    *{type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "u1", "i4", "i8", "?")},
]
#: First bytes of files of torch.save: a zip, or before torch 1.6 a pickle or a tar.
_ZIP, _PICKLE, _TAR, _TAR_AT = b"PK\x03\x04", b"\x80", b"ustar", 257
#: Files that are often given by mistake: first bytes -> what to do.
_OTHER_FILES = {
    b"\x1f\x8b": "it is compressed with gzip; unpack it first: gunzip FILE",
    b"version https://git-lfs": "it is a pointer of Git LFS and not the weights; fetch them: git lfs pull",
    b"<": "it is a web page and not the weights; fetch it again, logged in if its site asks for that",
    b"\x89HDF": "it is HDF5, as Keras saves it; wanted weights of torch",
    b"GGUF": "it is GGUF; wanted weights of torch or safetensors",
}
_SHARD = re.compile(r".+-(\d{5})-of-(\d{5})\.\w+")
#: Suffixes of weights in a folder of the hub.
_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
#: Largest size of a config.json, in bytes.
_MAX_CONFIG_SIZE = 16 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """Content of a file or folder of published weights.

    tensors: by published name. meta: other data of the file. config: config.json. notes: which state dict was taken, and which prefix was
    removed. ignored: names of tensors that were left out by this -> reason.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    meta: Mapping[str, Any]
    config: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    ignored: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def has(self, *names: str) -> bool:
        """Whether all of these tensors exist."""
        return all(name in self.tensors for name in names)

    def feature_extractor(self) -> tuple[Path, Mapping[str, Any]]:
        """File and content of the feature extractor's settings; empty where there are none.

        They are in processor_config.json where a processor was saved (transformers 5), else in preprocessor_config.json.
        """
        processor, preprocessor = self.path / "processor_config.json", self.path / "preprocessor_config.json"
        settings = _read_json(processor).get("feature_extractor") if processor.is_file() else None
        if isinstance(settings, dict):
            return processor, settings
        return preprocessor, _read_json(preprocessor) if preprocessor.is_file() else {}


def read(path: Path) -> Checkpoint:
    """Read a file (safetensors or torch.save, detected by content), or a folder or index as on Hugging Face. ModelError if bad."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise ModelError(f"{path} does not exist; wanted a checkpoint (.safetensors, .pt, .pth, .ckpt, .bin) or a folder with one")
    if path.name.lower().endswith(".index.json"):
        return _folder(path.parent, path)
    if (part := _SHARD.fullmatch(path.name)) is not None:
        raise ModelError(f"{path}: is part {int(part[1])} of {int(part[2])}; wanted the folder with all parts and their index")
    tensors, meta, notes = _weights(path)
    return Checkpoint(path, tensors, meta, {}, notes)


def _folder(path: Path, index: Path | None = None) -> Checkpoint:
    config = _read_json(path / "config.json")
    chosen = index or _find_weights(path)
    if not chosen.name.lower().endswith(".index.json"):
        tensors, meta, notes = _weights(chosen)
        return Checkpoint(path, tensors, meta, config, notes)
    merged: dict[str, Tensor] = {}
    for part in _shards(chosen):
        merged |= _weights(path / part)[0]
    return Checkpoint(path, merged, {}, config)


def _find_weights(folder: Path) -> Path:
    """The weights or the index of a folder: by the hub's names, or the only file with a suffix of weights. ModelError otherwise."""
    files = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    for name in ("model.safetensors", "pytorch_model.bin"):
        for candidate in (name, f"{name}.index.json"):
            if candidate in files:
                return files[candidate]
    others = [path for name, path in files.items() if name.endswith(_SUFFIXES)]
    if len(others) == 1:
        return others[0]
    several = f"several files that may be weights ({', '.join(path.name for path in others[:5])})" if others else "no weights"
    raise ModelError(f"{folder}: {several}; wanted model.safetensors or pytorch_model.bin next to config.json, or the path of one file")


def _shards(index: Path) -> list[str]:
    """Names of the files that an index lists."""
    listed = _read_json(index).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise ModelError(f"{index}: has no weight_map; wanted the index of weights in parts")
    if not all(isinstance(part, str) and Path(part).name == part for part in listed.values()):
        raise ModelError(f"{index}: names files outside its folder; it was not written by a trainer")
    return sorted(set(listed.values()))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_CONFIG_SIZE:
            raise ModelError(f"{path}: {path.stat().st_size} bytes are too many for a config; wanted a config.json")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); wanted the config.json of a model") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: contains a {type(content).__name__}; wanted a JSON object")
    return content


def _weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], tuple[str, ...]]:
    """Tensors of a file, its other data, and notes. The format is detected by content, not by suffix."""
    try:
        if _is_safetensors(path):
            return load_file(path), {}, ()
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read as safetensors ({error}); fetch it again") from error
    try:
        with torch.serialization.safe_globals(_SAFE_GLOBALS), path.open("rb") as stream:  # torch.load of a path depends on its suffix
            content = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle raises errors of any type
        raise ModelError(
            f"{path}: cannot be read as a checkpoint ({_first_line(error)}); it is truncated, of another format, "
            "or contains objects whose unpickling runs code, which auricle never does: ask for safetensors"
        ) from error
    return _find_tensors(path, content)


def _is_safetensors(path: Path) -> bool:
    """Whether a file is safetensors (True) or of torch.save (False). ModelError for other files."""
    with path.open("rb") as stream:
        start = stream.read(_TAR_AT + len(_TAR))
    if start.startswith((_ZIP, _PICKLE)) or start[_TAR_AT:] == _TAR:
        return False
    if start[8:9] == b"{":  # the JSON header, after its length
        return True
    for first_bytes, advice in _OTHER_FILES.items():
        if start.lstrip().startswith(first_bytes):
            raise ModelError(f"{path}: cannot be read as a checkpoint: {advice}")
    raise ModelError(
        f"{path}: cannot be read as a checkpoint: it begins with {start[:8]!r}, which is neither safetensors nor torch.save; "
        "it is truncated or of another format, fetch it again"
    )


def _find_tensors(path: Path, content: object) -> tuple[dict[str, Tensor], dict[str, Any], tuple[str, ...]]:
    """Tensors, other data and notes of a dictionary that may nest its state dict."""
    if not isinstance(content, Mapping):
        raise ModelError(f"{path}: contains a {type(content).__name__}; wanted a dictionary of tensors")
    inner: dict[str, Any] = {str(key): value for key, value in content.items()}
    meta: dict[str, Any] = {}
    notes: list[str] = []
    for _ in range(_MAX_DEPTH):
        state_dicts = _find_state_dicts(path, inner)
        if not state_dicts:
            break
        chosen, *others = state_dicts
        if others:
            reason = "the averaged ones" if chosen in _AVERAGED else "the first of the usual names"
            notes.append(f"weights were taken from {chosen!r}, {reason}; left out: {', '.join(map(repr, others))}")
        elif chosen not in _STATE_DICTS:
            notes.append(f"weights were taken from {chosen!r}")
        meta = {key: value for key, value in inner.items() if key not in state_dicts and not isinstance(value, Tensor)} | meta
        inner = {str(key): value for key, value in inner[chosen].items()}
    tensors = {key: value.detach() for key, value in inner.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelError(f"{path}: has no tensors (but {', '.join(list(inner)[:5]) or 'nothing'}); wanted a checkpoint with weights")
    rest = {key: value for key, value in inner.items() if not isinstance(value, Tensor)}
    return tensors, rest | meta, tuple(notes)


def _find_state_dicts(path: Path, outer: Mapping[str, Any]) -> list[str]:
    """Keys of a dictionary whose values are state dicts, the preferred one first. ModelError where the choice is ambiguous."""
    state_dicts = [name for name in _STATE_DICTS if _has_tensors(outer.get(name))]
    if state_dicts or any(isinstance(value, Tensor) for value in outer.values()):
        return state_dicts
    unusual = [name for name, value in outer.items() if _has_tensors(value)]
    if len(unusual) > 1:
        listed = ", ".join(map(repr, unusual[:5]))
        raise ModelError(f"{path}: has several sets of tensors ({listed}); wanted one: save the state dict of the model alone")
    return unusual


def _has_tensors(content: object, depth: int = _MAX_DEPTH) -> bool:
    """Whether an object is a dictionary of tensors, or nests one under one of the usual keys."""
    if not isinstance(content, Mapping) or depth == 0:
        return False
    inner = any(_has_tensors(content[name], depth - 1) for name in _STATE_DICTS if name in content)
    return inner or any(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
