"""Parts of a model that a training leaves as they are, by patterns of their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import nn

from auricle.core.errors import InputError


def matching(patterns: Sequence[str], names: Sequence[str], *, what: str) -> list[str]:
    """Names in which some pattern (a regular expression) is found; InputError for one that is found in none or is no pattern."""
    chosen = dict.fromkeys(names, False)
    for pattern in patterns:
        try:
            fits = [name for name in names if re.search(pattern, name)]
        except re.error as error:
            raise InputError(f"{what} pattern {pattern!r} is no regular expression ({error})") from error
        if not fits:
            raise InputError(f"{what} pattern {pattern!r} fits none of {len(names)} names, such as {', '.join(names[:3])}")
        chosen.update(dict.fromkeys(fits, True))
    return [name for name, fits in chosen.items() if fits]


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Parameters whose name has one of the patterns in it learn nothing."""
    parameters = dict(model.named_parameters())
    for name in matching(patterns, list(parameters), what="freeze"):
        parameters[name].requires_grad_(False)


def train_mode(model: nn.Module) -> None:
    """Training mode, but a module all of whose parameters are frozen stays as it is: no dropout, and its running statistics hold."""
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
