"""Freezing of parameters by patterns of their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import nn

from auricle.core.errors import InputError


def match_names(patterns: Sequence[str], names: Sequence[str], *, what: str) -> list[str]:
    """Names in which at least one pattern (a regular expression) is found, in order.

    InputError for a pattern that is invalid or matches no name. what: what the patterns are for, for the message.
    """
    matched = dict.fromkeys(names, False)
    for pattern in patterns:
        try:
            matches = [name for name in names if re.search(pattern, name)]
        except re.error as error:
            raise InputError(f"{what} pattern {pattern!r} is not a valid regular expression ({error})") from error
        if not matches:
            raise InputError(f"{what} pattern {pattern!r} matches none of {len(names)} names, such as {', '.join(names[:3])}")
        matched.update(dict.fromkeys(matches, True))
    return [name for name, is_match in matched.items() if is_match]


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Set requires_grad to False for parameters whose names match one of the patterns."""
    parameters = dict(model.named_parameters())
    for name in match_names(patterns, list(parameters), what="freeze"):
        parameters[name].requires_grad_(False)


def set_train_mode(model: nn.Module) -> None:
    """Set training mode, except for modules whose parameters are all frozen: these keep evaluation mode (no dropout, fixed statistics)."""
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
