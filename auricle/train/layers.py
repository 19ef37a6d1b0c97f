"""Where a model keeps its layers: module lists, and dictionaries of modules whose names are numbers."""

from __future__ import annotations

from torch import nn


def lists(model: nn.Module) -> dict[str, nn.Module]:
    """Such containers by name, in the order in which they are registered; an outer one comes before its inner ones."""
    return {name: module for name, module in model.named_modules() if _is_list(module)}


def layers(model: nn.Module) -> list[nn.Module]:
    """Their entries that hold weights and are no containers themselves, the innermost first."""
    found = [child for each in lists(model).values() for child in each.children() if not isinstance(child, nn.ModuleList | nn.ModuleDict)]
    return [child for child in reversed(found) if any(True for _ in child.parameters())]


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, nn.ModuleList) or (isinstance(module, nn.ModuleDict) and all(key.isdecimal() for key in module))
