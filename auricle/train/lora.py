"""Low-rank adaptation: a linear map stays as it is, and a small product of two matrices learns beside it.

Hu et al. 2021, arXiv:2106.09685:
y = W x + b + (alpha / rank) up(down(dropout(x))). `up` starts at zero, so nothing changes before the first step.
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
from auricle.train.freeze import matching


class LoraConfig(Strict):
    """targets: patterns (regular expressions) of the names of linear maps. besides: patterns of other parameters that learn too.

    alpha over rank is what the product is multiplied by.
    """

    targets: Annotated[tuple[str, ...], Field(min_length=1)]
    rank: Annotated[int, Field(gt=0)] = 8
    alpha: Annotated[float, Field(gt=0)] = 16.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    besides: tuple[str, ...] = ()


class LoraLinear(nn.Module):
    """A linear map with its adaptation. weight (O, I) and bias (O,) have the names that they had; down (R, I), up (O, R)."""

    def __init__(self, linear: nn.Linear, config: LoraConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight.requires_grad_(False), linear.bias
        if self.bias is not None:
            self.bias.requires_grad_(False)
        outputs, inputs = self.weight.shape
        bound = 1 / math.sqrt(inputs)  # uniform, as microsoft/LoRA starts its A (loralib/layers.py)
        start = (2 * torch.rand(config.rank, inputs, generator=generator) - 1) * bound
        self.down = nn.Parameter(start.to(self.weight))
        self.up = nn.Parameter(self.weight.new_zeros(outputs, config.rank))
        self.factor = config.alpha / config.rank
        self.dropout = nn.Dropout(config.dropout)
        self.merged = False

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) to (..., O)."""
        plain = functional.linear(x, self.weight, self.bias)
        if self.merged:
            return plain
        return plain + self.factor * functional.linear(functional.linear(self.dropout(x), self.down), self.up)

    @torch.no_grad()
    def merge(self, *, back: bool = False) -> None:
        """The product goes into the weight, or with back out of it again; the map stays the same within rounding."""
        if self.merged is back:
            self.weight.add_(self.up @ self.down, alpha=-self.factor if back else self.factor)
            self.merged = not back


def adapt(model: nn.Module, config: LoraConfig, *, seed: int) -> None:
    """Give the linear maps that are named an adaptation, in place; everything else of the model is frozen, but for `besides`."""
    modules = dict(model.named_modules())
    names = matching(config.targets, [name for name in modules if name], what="lora target")
    found = {name: module for name in names if isinstance(module := modules[name], nn.Linear)}
    if not found:
        raise InputError(f"lora targets fit {', '.join(names[:3])}, of which none is a linear map; wanted names of nn.Linear modules")
    parameters = dict(model.named_parameters())
    model.requires_grad_(False)
    for name in matching(config.besides, list(parameters), what="lora besides"):
        parameters[name].requires_grad_(True)
    generator = torch.Generator().manual_seed(seed)
    for name, linear in found.items():
        _place(model, name, LoraLinear(linear, config, generator))


def merge(model: nn.Module, *, back: bool = False) -> None:
    """All products into their weights, or with back out of them again."""
    for module in model.modules():
        if isinstance(module, LoraLinear):
            module.merge(back=back)


def plain(model: nn.Module) -> None:
    """Merged, and the adapted maps are nn.Linear again, in place: what is shipped."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLinear):
            module.merge()
            outputs, inputs = module.weight.shape
            linear = nn.Linear(inputs, outputs, bias=module.bias is not None, device="meta")
            linear.weight, linear.bias = module.weight, module.bias
            _place(model, name, linear)


def _place(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)
