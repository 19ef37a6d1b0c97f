"""Load and save model folders: weights and config are checked strictly, and written atomically."""

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

#: Prefixes of tensors of the front-end and of a static text tower (runtime.tokens), which are not part of the module.
FRONTEND, TEXT = "frontend.", "text."


@torch.no_grad()
def load(folder: Path, config: ModelConfig | None = None) -> Model:
    """Load the module of a model folder, in evaluation mode, without gradients. ModelError where tensors do not match config.json."""
    config = read_config(folder / "config.json") if config is None else config
    path = folder / "model.safetensors"
    with skip_init():
        model = Model(config)
    try:
        tensors = _named(load_file(path), config, text=model.text is not None)
        result = model.load_state_dict(tensors, strict=False, assign=True)
    except Exception as error:  # safetensors' own errors share no base but Exception, torch's is RuntimeError
        raise ModelError(f"{path}: {str(error).splitlines()[-1].strip()}; convert or train the model again") from error
    missing = [key for key in result.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or result.unexpected_keys:
        raise ModelError(f"{path}: missing {missing[:3]}, unexpected {list(result.unexpected_keys)[:3]}; convert or train the model again")
    return model.eval().requires_grad_(False)


def build_from(folder: Path, config: ModelConfig) -> tuple[Model, dict[str, Tensor]]:
    """A model of another config with the weights of a folder, in evaluation mode: to change its heads.

    Encoder, projection and text tower are those of the folder; so is a head whose output has the same name, labels and shape. Other heads
    have random weights. Returns the model, and the folder's tensors of its front-end and of a static text tower. ModelError where the
    encoders differ.
    """
    model, before = Model(config), load(folder)
    tensors = {
        name: tensor
        for name, tensor in before.state_dict().items()
        if not name.startswith("heads.") or _same_head(name.split(".")[1], before.config, config)
    }
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    if wrong := [name for name in (*missing, *unexpected) if name.startswith("encoder.")]:
        raise ModelError(f"{folder}: tensor {wrong[0]} fits no encoder of this config; wanted the encoder of the folder")
    extra = {name: tensor for name, tensor in load_file(folder / "model.safetensors").items() if name.startswith((FRONTEND, TEXT))}
    return model.eval(), {name: tensor for name, tensor in extra.items() if name.startswith(FRONTEND) or config.text is not None}


def _same_head(name: str, before: ModelConfig, after: ModelConfig) -> bool:
    one, other = before.outputs.get(name), after.outputs.get(name)
    joint = one is not None and one.head == "components and labels"
    return (
        one is not None
        and other is not None
        and (one.kind, one.head, one.labels) == (other.kind, other.head, other.labels)
        and (not joint or (one.dim or 0) - len(before.labels) == (other.dim or 0) - len(after.labels))
    )


def _named(tensors: Mapping[str, Tensor], config: ModelConfig, *, text: bool) -> dict[str, Tensor]:
    """State dict of the module in single precision. text: the module has a text tower."""
    excluded = (FRONTEND,) if text else (FRONTEND, TEXT)
    state = {}
    for key, tensor in tensors.items():
        if not key.startswith(excluded):
            old = next((prefix for prefix in config.names.tensors if key.startswith(prefix)), "")
            name = config.names.tensors[old] + key.removeprefix(old) if old else key
            state[name] = tensor.float() if tensor.is_floating_point() else tensor
    return state


def save(
    into: Path,
    model: Model,
    extra: Mapping[str, Tensor],
    *,
    card: Mapping[str, object] | None = None,
    tokenizer: Path | None = None,
    half: bool = False,
) -> None:
    """Write a model folder atomically; an existing empty folder is replaced.

    extra: tensors of the front-end and of a static text tower. half: matrices and kernels in half precision, everything else in single.
    """
    with atomic_folder(into) as partial:
        save_file(_unshared({**state_of(model, half=half), **extra}), partial / "model.safetensors")
        write_json(partial / "config.json", model.config.model_dump(mode="json"))
        write_json(partial / "card.json", card or {"summary": model.config.name})
        if tokenizer is not None:
            shutil.copyfile(tokenizer, partial / "tokenizer.json")


def state_of(model: Model, *, half: bool = False) -> dict[str, Tensor]:
    """State dict of a model as it is saved."""
    state = {key: value.detach().cpu() for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    if half:
        state = {key: value.half() if value.ndim > 1 else value.float() for key, value in state.items()}
    return {key: value.contiguous() for key, value in state.items()}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write an indented JSON file."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors that share memory (tied weights), as safetensors requires."""
    seen: set[int] = set()
    copies = {}
    for key, value in tensors.items():
        pointer = value.untyped_storage().data_ptr()
        copies[key] = value.clone() if pointer in seen else value.contiguous()
        seen.add(pointer)
    return copies


class skip_init(TorchFunctionMode):  # noqa: N801  a context manager, used as a function
    """Context manager that skips random initialisation of weights in this thread, for modules whose weights are loaded at once."""

    def __torch_function__(self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func in (Tensor.uniform_, Tensor.erfinv_):
            return args[0]
        if func is Tensor.normal_:  # nn.init.trunc_normal_ draws again until all values are in range, which unset memory may never be
            return args[0].zero_()
        return func(*args, **(kwargs or {}))
