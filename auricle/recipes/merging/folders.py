"""Model folders that are merged: parents as they are read, and the folder of the merged model with the lineage of all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from auricle.bench import lineage
from auricle.bench.sounds import fingerprint_items
from auricle.core.config import ModelConfig
from auricle.core.errors import InputError, ModelError
from auricle.core.files import atomic_folder, write_text
from auricle.core.model_files import fingerprint, read_config
from auricle.data.item import Item
from auricle.models.folder import FRONTEND, TEXT, load, save
from auricle.models.model import Model
from auricle.runtime.catalog import find_folder
from auricle.train import checkpoint
from auricle.train.registry import CHECKPOINTS

_COUNTER = "num_batches_tracked"
_TOKENIZER = "tokenizer.json"


@dataclasses.dataclass(frozen=True, eq=False)
class Parent:
    """A model to merge. given: its name or path as the user wrote it, since fine-tunes of one start have the same name in their config.

    state: tensors of its module. extra: tensors of the front-end and of a static text tower.
    """

    given: str
    folder: Path
    config: ModelConfig
    model: Model
    state: Mapping[str, Tensor]
    extra: Mapping[str, Tensor]


def read_parent(model: str | Path) -> Parent:
    """Read a model by name or path. ModelError where it has no weights for torch, or they do not fit its config."""
    folder = find_folder(model)
    config = read_config(folder / "config.json")
    if not (folder / "model.safetensors").is_file():
        raise ModelError(f"{folder}: has no model.safetensors; wanted a folder with weights, not only graphs")
    module = load(folder, config)
    excluded = (FRONTEND,) if module.text is not None else (FRONTEND, TEXT)
    extra = {key: tensor for key, tensor in load_file(folder / "model.safetensors").items() if key.startswith(excluded)}
    return Parent(str(model), folder, config, module, _state(module), extra)


def _state(model: Model) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in model.state_dict().items() if not key.endswith(_COUNTER)}


def read_checkpoints(run: Path) -> list[Parent]:
    """The checkpoints of a training, oldest first, each as the model of its folder `model`.

    InputError where there are fewer than two, or where their tensors are not those of the model, as with LoRA.
    """
    paths = checkpoint.list_paths(run / CHECKPOINTS)
    if len(paths) < 2 or not (run / "model" / "config.json").is_file():
        raise InputError(
            f"{run}: has {len(paths)} checkpoints and {'a' if (run / 'model').is_dir() else 'no'} folder `model`; "
            "wanted a finished training with two checkpoints or more (train.save_every, train.keep)"
        )
    final = read_parent(run / "model")
    return [dataclasses.replace(final, given=path.name, state=_from_checkpoint(path, final.state)) for path in paths]


def _from_checkpoint(path: Path, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a checkpoint by the names of the model, which a recipe's own module wraps under a prefix."""
    tensors: Mapping[str, Tensor] = checkpoint.load(path)["model"]
    first = next(iter(like))
    for prefix in (name.removesuffix(first) for name in tensors if name.endswith(first)):
        state = {name: tensors[prefix + name] for name in like if prefix + name in tensors}
        if state.keys() == like.keys() and all(state[name].shape == tensor.shape for name, tensor in like.items()):
            return state
    raise InputError(f"{path}: does not hold all tensors of the model, such as {first}; checkpoints of LoRA cannot be averaged")


def shared_extra(parents: Sequence[Parent]) -> dict[str, Tensor]:
    """Tensors of the front-end and of a static text tower. InputError, which names the tensor, where two models have different ones."""
    found: dict[str, tuple[str, Tensor]] = {}
    for parent in parents:
        for name, tensor in parent.extra.items():
            owner, other = found.setdefault(name, (parent.config.name, tensor))
            if not torch.equal(other, tensor):
                raise InputError(f"tensor {name} differs between {owner} and {parent.config.name}; wanted equal ones")
    for name in found:
        if name.startswith(FRONTEND) and (without := next((each for each in parents if name not in each.extra), None)):
            raise InputError(f"{without.config.name} lacks the tensor {name} of {found[name][0]}; wanted the same front-end")
    return {name: tensor for name, (_, tensor) in found.items()}


def shared_tokenizer(parents: Sequence[Parent]) -> Path | None:
    """The tokenizer of all models with a text tower, None where there is none. InputError where two differ."""
    paths = [parent.folder / _TOKENIZER for parent in parents if parent.config.text is not None and (parent.folder / _TOKENIZER).is_file()]
    for path in paths[1:]:
        if path.read_bytes() != paths[0].read_bytes():
            raise InputError(f"{path} differs from {paths[0]}; wanted models with the same tokenizer")
    return paths[0] if paths else None


def write_merged(output: Path, model: Model, parents: Sequence[Parent], items: Sequence[Item], *, about: Mapping[str, object]) -> None:
    """Write the folder of a merged model atomically.

    items: recordings that the merge used. about: method and settings, for the card. The lineage is the clips of all parents and the items;
    where a parent's is unknown none is written, and `auricle score` reports it as unknown.
    """
    folders = list(dict.fromkeys(parent.folder for parent in parents))
    text = {} if model.config.text is None else shared_extra(parents)
    extra = {name: tensor for name, tensor in shared_extra(parents).items() if name.startswith(FRONTEND) or name in text}
    names = list(dict.fromkeys(parent.config.name for parent in parents))
    card = {
        "summary": f"{model.config.name}, merged by auricle ({about['method']}) from {', '.join(names)}",
        "merged": {
            **about,
            "parents": [
                {"model": parent.given, "name": parent.config.name, "fingerprint": fingerprint(parent.folder)}
                for parent in {parent.folder: parent for parent in parents}.values()
            ],
        },
    }
    with atomic_folder(output) as partial:
        save(partial, model, extra, card=card, tokenizer=shared_tokenizer(parents) if model.config.text is not None else None)
        _write_lineage(partial, folders, items)


def _write_lineage(into: Path, parents: Sequence[Path], items: Sequence[Item]) -> None:
    if all((parent / lineage.CLIPS).is_file() for parent in parents):
        lineage.write_lineage(into, items, fingerprints=fingerprint_items(items), parents=parents)
    calibrated = [path for parent in parents if (path := parent / lineage.CALIBRATED).is_file()]
    if calibrated:
        _write_lines(into / lineage.CALIBRATED, calibrated)


def _write_lines(into: Path, paths: Sequence[Path]) -> None:
    """Write the lines of several files, each once."""
    lines = dict.fromkeys(json.dumps(json.loads(line)) for path in paths for line in path.read_text("utf-8").splitlines())
    write_text(into, "".join(f"{line}\n" for line in lines))
