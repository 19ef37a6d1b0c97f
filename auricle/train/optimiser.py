"""Optimisers and their parameter groups: learning-rate scale by depth, weight decay by kind of parameter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from auricle.core.errors import InputError
from auricle.train.layers import layer_lists
from auricle.train.muon import Muon, hidden_weights

if TYPE_CHECKING:
    from auricle.train.config import TrainConfig


def make_optimisers(model: nn.Module, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """AdamW for all trainable parameters, or Muon for the hidden matrices of blocks and AdamW for the rest.

    Each group has `lr_scale`, the factor on the learning rate. Vectors and scalars (norms, biases, scales) get no weight decay.
    InputError where every parameter is frozen.
    """
    trainable = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not trainable:
        raise InputError("every parameter is frozen; wanted at least one that is trained")
    lr_scales = layer_lr_scales(model, config.layer_decay)
    hidden = _hidden(model) if config.optimiser == "muon" else set()
    created: list[torch.optim.Optimizer] = []
    if matrices := {name: p for name, p in trainable.items() if id(p) in hidden}:
        dtype = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
        muon = Muon(matrices.values(), lr=config.learning_rate, weight_decay=config.weight_decay, dtype=dtype)
        muon.param_groups = _groups(matrices, lr_scales, config, muon.defaults)
        created.append(muon)
    if rest := {name: p for name, p in trainable.items() if name not in matrices}:
        groups = _groups(rest, lr_scales, config, {})
        created.append(torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, eps=config.epsilon))
    return created


def layer_lr_scales(model: nn.Module, decay: float) -> dict[str, float]:
    """Layer-wise learning-rate decay: decay ** (layers below the top of its tower) of each parameter, by name.

    Clark et al. 2020; Bao et al. 2021 (BEiT). A tower is a child of the model (or of its `model`); its layers are the entries of its
    layer lists (train.layers), in order. Parameters registered before the first layer are one layer below it; those after the last
    layer belong to the top. In a tower without layer lists every parameter belongs to the top.
    """
    names = [name for name, _ in model.named_parameters()]
    if decay == 1.0:
        return dict.fromkeys(names, 1.0)
    towers: dict[str, list[str]] = {}
    for name in names:
        towers.setdefault(_tower(name), []).append(name)
    return {name: scale for tower in towers.values() for name, scale in _tower_lr_scales(tower, list(layer_lists(model)), decay).items()}


def _tower(name: str) -> str:
    """First part of a parameter's name, without the `model.` prefixes of wrappers."""
    parts = name.split(".")
    while parts[0] == "model" and len(parts) > 2:
        parts = parts[1:]
    return parts[0]


def _tower_lr_scales(names: list[str], containers: list[str], decay: float) -> dict[str, float]:
    depths, layers = dict[str, int](), dict[str, int]()
    for name in names:
        inner = max((one for one in containers if name.startswith(f"{one}.")), key=len, default=None)
        if inner is None:
            depths[name] = 0 if not layers else -1
        else:
            entry = f"{inner}.{name[len(inner) + 1 :].split('.')[0]}"
            depths[name] = layers.setdefault(entry, len(layers) + 1)
    top = len(layers) + 1
    return {name: 1.0 if not layers or depth < 0 else decay ** (top - depth) for name, depth in depths.items()}


def _hidden(model: nn.Module) -> set[int]:
    """Ids of the weights for Muon: hidden matrices and kernels in layer lists, and in the modules that encoders list in `muon`."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    containers = [
        *layer_lists(model).values(),
        *(getattr(module, name) for module in model.modules() for name in getattr(module, "muon", ())),
    ]
    return {id(weight) for container in containers for weight in hidden_weights(container)} - tables


def _groups(
    parameters: Mapping[str, nn.Parameter], lr_scales: Mapping[str, float], config: TrainConfig, more: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Parameter groups of equal learning-rate scale and weight decay, in order of first use."""
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in parameters.items():
        key = lr_scales[name], config.weight_decay if parameter.ndim > 1 and not re.search(r"(^|\.)bias$", name) else 0.0
        groups.setdefault(key, {**more, "params": [], "lr_scale": key[0], "weight_decay": key[1]})["params"].append(parameter)
    return list(groups.values())
