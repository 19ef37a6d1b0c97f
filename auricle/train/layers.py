"""Finding the layers of a model: entries of module lists, and of module dictionaries whose keys are numbers."""

from __future__ import annotations

from torch import nn


def layer_lists(model: nn.Module) -> dict[str, nn.Module]:
    """Containers of layers by name, in registration order; an outer one comes before its inner ones."""
    return {name: module for name, module in model.named_modules() if _is_list(module)}


def list_layers(model: nn.Module) -> list[nn.Module]:
    """Entries of these containers that have parameters and are not containers themselves, innermost first."""
    entries = [
        child for each in layer_lists(model).values() for child in each.children() if not isinstance(child, nn.ModuleList | nn.ModuleDict)
    ]
    return [child for child in reversed(entries) if any(True for _ in child.parameters())]


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, nn.ModuleList) or (isinstance(module, nn.ModuleDict) and all(key.isdecimal() for key in module))
