"""Who learns at what pace: groups of parameters by depth and by kind, and the optimisers over them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from auricle.core.errors import InputError
from auricle.train.layers import lists
from auricle.train.muon import Muon, hidden_weights

if TYPE_CHECKING:
    from auricle.train.config import TrainConfig


def optimisers(model: nn.Module, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """AdamW over everything that learns, or Muon over the hidden matrices of its blocks and AdamW over the rest.

    Each group has `lr_scale`, what the learning rate is multiplied by. Vectors and single numbers (norms, biases, scales) do not decay.
    """
    learning = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not learning:
        raise InputError("every parameter is frozen; wanted some that learn")
    lr_scales = lr_scales_of(model, config.layer_decay)
    hidden = _hidden(model) if config.optimiser == "muon" else set()
    found: list[torch.optim.Optimizer] = []
    if chosen := {name: p for name, p in learning.items() if id(p) in hidden}:
        muon = Muon(chosen.values(), lr=config.learning_rate, weight_decay=config.weight_decay)
        muon.param_groups = _groups(chosen, lr_scales, config, muon.defaults)
        found.append(muon)
    if rest := {name: p for name, p in learning.items() if name not in chosen}:
        groups = _groups(rest, lr_scales, config, {})
        found.append(torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, eps=config.epsilon))
    return found


def lr_scales_of(model: nn.Module, decay: float) -> dict[str, float]:
    """decay to the power of how far a parameter lies under the top of its tower, by name (Clark et al. 2020; Bao et al. 2021, BEiT).

    A tower is a child of the model (or of its `model`) and its layers are the entries of its lists (train.layers), in their order; what is
    registered before the first is one layer under it, what comes after the last belongs to the top. Without lists, all is top.
    """
    names = [name for name, _ in model.named_parameters()]
    if decay == 1.0:
        return dict.fromkeys(names, 1.0)
    towers: dict[str, list[str]] = {}
    for name in names:
        towers.setdefault(_tower(name), []).append(name)
    return {name: lr_at for own in towers.values() for name, lr_at in _tower_paces(own, list(lists(model)), decay).items()}


def _tower(name: str) -> str:
    """First part of a name, not counting each `model.` that wrappers put before it."""
    parts = name.split(".")
    while parts[0] == "model" and len(parts) > 2:
        parts = parts[1:]
    return parts[0]


def _tower_paces(names: list[str], homes: list[str], decay: float) -> dict[str, float]:
    depths, layers = dict[str, int](), dict[str, int]()
    for name in names:
        inner = max((one for one in homes if name.startswith(f"{one}.")), key=len, default=None)
        if inner is None:
            depths[name] = 0 if not layers else -1
        else:
            entry = f"{inner}.{name[len(inner) + 1 :].split('.')[0]}"
            depths[name] = layers.setdefault(entry, len(layers) + 1)
    top = len(layers) + 1
    return {name: 1.0 if not layers or depth < 0 else decay ** (top - depth) for name, depth in depths.items()}


def _hidden(model: nn.Module) -> set[int]:
    """Identities of the weights for Muon: hidden matrices and kernels of the entries of module lists, and of what encoders name `muon`."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    homes = [*lists(model).values(), *(getattr(module, name) for module in model.modules() for name in getattr(module, "muon", ()))]
    return {id(weight) for home in homes for weight in hidden_weights(home)} - tables


def _groups(
    parameters: Mapping[str, nn.Parameter], lr_scales: Mapping[str, float], config: TrainConfig, more: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Parameters of one pace and one decay together, in the order in which these come up."""
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in parameters.items():
        key = lr_scales[name], config.weight_decay if parameter.ndim > 1 and not re.search(r"(^|\.)bias$", name) else 0.0
        groups.setdefault(key, {**more, "params": [], "lr_scale": key[0], "weight_decay": key[1]})["params"].append(parameter)
    return list(groups.values())
