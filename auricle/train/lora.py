"""Low-rank adaptation (LoRA): a linear layer is frozen, and a low-rank update of its weight is trained.

Hu et al. 2021, arXiv:2106.09685: y = W x + b + (alpha / rank) up(down(dropout(x))). `up` is initialised with zeros, so the outputs are
those of the linear layer before the first step.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.train.freeze import match_names


class LoraConfig(Strict):
    """Settings of LoRA.

    targets: regular expressions; linear layers whose names match get an adapter. modules_to_save: regular expressions of further parameters
    that are trained. rank: R of the update. alpha: the update is multiplied by alpha / rank. dropout: on the adapter's input.
    """

    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    rank: Annotated[int, Field(gt=0)] = 8
    alpha: Annotated[float, Field(gt=0)] = 16.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    modules_to_save: tuple[str, ...] = ()


class LoraLinear(nn.Module):
    """A frozen linear layer with its adapter. weight (O, I) and bias (O,) keep their names; down (R, I), up (O, R)."""

    def __init__(self, linear: nn.Linear, config: LoraConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight.requires_grad_(False), linear.bias
        if self.bias is not None:
            self.bias.requires_grad_(False)
        outputs, inputs = self.weight.shape
        bound = 1 / math.sqrt(inputs)  # uniform, as microsoft/LoRA initialises its A (loralib/layers.py)
        initial = (2 * torch.rand(config.rank, inputs, generator=generator) - 1) * bound
        self.down = nn.Parameter(initial.to(self.weight))
        self.up = nn.Parameter(self.weight.new_zeros(outputs, config.rank))
        self.scaling = config.alpha / config.rank
        self.dropout = nn.Dropout(config.dropout)
        self.merged = False

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) to (..., O)."""
        base = functional.linear(x, self.weight, self.bias)
        if self.merged:
            return base
        return base + self.scaling * functional.linear(functional.linear(self.dropout(x), self.down), self.up)

    @torch.no_grad()
    def merge(self, *, undo: bool = False) -> None:
        """Add the update to the weight, or with undo subtract it again; outputs stay the same within rounding."""
        if self.merged is undo:
            self.weight.add_(self.up @ self.down, alpha=-self.scaling if undo else self.scaling)
            self.merged = not undo


def apply_lora(model: nn.Module, config: LoraConfig, *, seed: int) -> None:
    """Replace the targeted linear layers by LoraLinear, in place; all other parameters are frozen, except `modules_to_save`.

    InputError where a pattern matches no name, or no target is a linear layer.
    """
    modules = dict(model.named_modules())
    names = match_names(config.targets, [name for name in modules if name], what="lora target")
    linears = {name: module for name in names if isinstance(module := modules[name], nn.Linear)}
    if not linears:
        raise InputError(f"lora targets match {', '.join(names[:3])}, of which none is a linear layer; wanted names of nn.Linear modules")
    parameters = dict(model.named_parameters())
    model.requires_grad_(False)
    for name in match_names(config.modules_to_save, list(parameters), what="lora modules_to_save"):
        parameters[name].requires_grad_(True)
    generator = torch.Generator().manual_seed(seed)
    for name, linear in linears.items():
        _set_module(model, name, LoraLinear(linear, config, generator))


def merge(model: nn.Module, *, undo: bool = False) -> None:
    """Add all updates to their weights, or with undo subtract them again."""
    for module in model.modules():
        if isinstance(module, LoraLinear):
            module.merge(undo=undo)


def merge_and_unload(model: nn.Module) -> None:
    """Merge all updates and replace each LoraLinear by a plain nn.Linear, in place."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLinear):
            module.merge()
            outputs, inputs = module.weight.shape
            linear = nn.Linear(inputs, outputs, bias=module.bias is not None, device="meta")
            linear.weight, linear.bias = module.weight, module.bias
            _set_module(model, name, linear)


def _set_module(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)
