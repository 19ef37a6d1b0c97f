"""A model folder in, a module out, and back: weights and config read strictly, written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from auricle.core.config import ModelConfig
from auricle.core.errors import ModelError
from auricle.core.files import atomic_folder, write_text
from auricle.core.model_files import read_config
from auricle.models.model import Model

#: Prefix of tensors that belong to the front-end, and those of a static text tower (runtime.tokens): no part of the module.
FRONTEND, TEXT = "frontend.", "text."


@torch.no_grad()
def load(folder: Path, config: ModelConfig | None = None) -> Model:
    """The module of a model folder, in evaluation mode, without gradients. ModelError where its tensors are not what config.json says."""
    config = read_config(folder / "config.json") if config is None else config
    path = folder / "model.safetensors"
    with not_initialised():
        model = Model(config)
    try:
        tensors = _named(load_file(path), config, text=model.text is not None)
        found = model.load_state_dict(tensors, strict=False, assign=True)
    except Exception as error:  # safetensors' own errors share no base but Exception, torch's is RuntimeError
        raise ModelError(f"{path}: {str(error).splitlines()[-1].strip()}; convert or train the model again") from error
    missing = [key for key in found.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or found.unexpected_keys:
        raise ModelError(f"{path}: missing {missing[:3]}, unexpected {list(found.unexpected_keys)[:3]}; convert or train the model again")
    return model.eval().requires_grad_(False)


def _named(tensors: Mapping[str, Tensor], config: ModelConfig, *, text: bool) -> dict[str, Tensor]:
    """Tensors of the module by its names, in single precision. text: whether it has a text tower."""
    outside = (FRONTEND,) if text else (FRONTEND, TEXT)
    found = {}
    for key, tensor in tensors.items():
        if not key.startswith(outside):
            old = next((prefix for prefix in config.names.tensors if key.startswith(prefix)), "")
            name = config.names.tensors[old] + key.removeprefix(old) if old else key
            found[name] = tensor.float() if tensor.is_floating_point() else tensor
    return found


def save(
    into: Path,
    model: Model,
    beside: Mapping[str, Tensor],
    *,
    card: Mapping[str, object] | None = None,
    tokenizer: Path | None = None,
    half: bool = False,
) -> None:
    """Write a model folder, whole or not at all; an empty folder there is replaced.

    beside: tensors of the front-end and of a static text tower. half: matrices and kernels in half precision, everything else in single.
    """
    with atomic_folder(into) as partial:
        save_file(_unshared({**state_of(model, half=half), **beside}), partial / "model.safetensors")
        write_json(partial / "config.json", model.config.model_dump(mode="json"))
        write_json(partial / "card.json", card or {"summary": model.config.name})
        if tokenizer is not None:
            shutil.copyfile(tokenizer, partial / "tokenizer.json")


def state_of(model: Model, *, half: bool = False) -> dict[str, Tensor]:
    """The tensors of a model as they are written."""
    state = {key: value.detach().cpu() for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    if half:
        state = {key: value.half() if value.ndim > 1 else value.float() for key, value in state.items()}
    return {key: value.contiguous() for key, value in state.items()}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """A JSON file, as people read it."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share memory (tied weights) as copies, which safetensors asks for."""
    seen: set[int] = set()
    copies = {}
    for key, value in tensors.items():
        pointer = value.untyped_storage().data_ptr()
        copies[key] = value.clone() if pointer in seen else value.contiguous()
        seen.add(pointer)
    return copies


class not_initialised(TorchFunctionMode):  # noqa: N801  a context, used as a function
    """While it is on, in this thread, weights are not drawn: a tower of 100 million numbers is built in no time, to be filled at once."""

    def __torch_function__(self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func in (Tensor.uniform_, Tensor.normal_, Tensor.erfinv_):
            return args[0]
        return func(*args, **(kwargs or {}))
