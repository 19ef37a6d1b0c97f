"""Key maps: published tensor names to ours, by rules that say of every tensor where it goes or why it does not."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from auricle.core.errors import ModelError


@dataclasses.dataclass(frozen=True)
class Rename:
    """Names that match the whole pattern become target (with its groups); change alters the tensor on the way."""

    pattern: str
    target: str
    change: Callable[[Tensor], Tensor] | None = None


@dataclasses.dataclass(frozen=True)
class Join:
    """Names that match any of the patterns become one tensor called target (with the groups of the first).

    make: what makes it of them, in the order of the patterns; they are laid end to end unless it says otherwise.
    """

    patterns: tuple[str, ...]
    target: str
    make: Callable[[Sequence[Tensor]], Tensor] | None = None


@dataclasses.dataclass(frozen=True)
class Ignore:
    """Names that match the whole pattern are left out, for this reason."""

    pattern: str
    reason: str


Rule: TypeAlias = Rename | Join | Ignore


@dataclasses.dataclass(frozen=True)
class Translated:
    """tensors by our names; ignored: published name -> reason; unexpected: published names that no rule knows."""

    tensors: dict[str, Tensor]
    ignored: dict[str, str]
    unexpected: tuple[str, ...]


def translate(tensors: Mapping[str, Tensor], rules: Sequence[Rule]) -> Translated:
    """Apply to each name the first rule that matches it."""
    done: dict[str, Tensor] = {}
    joins: dict[str, tuple[Join, dict[int, Tensor]]] = {}
    ignored: dict[str, str] = {}
    unexpected: list[str] = []
    for name, tensor in tensors.items():
        for rule in rules:
            if isinstance(rule, Join):
                place, target = _joined(rule, name)
                if target is not None:
                    joins.setdefault(target, (rule, {}))[1][place] = tensor
                    break
            elif (match := re.fullmatch(rule.pattern, name)) is not None:
                if isinstance(rule, Ignore):
                    ignored[name] = rule.reason
                else:
                    _put(done, match.expand(rule.target), rule.change(tensor) if rule.change else tensor, name)
                break
        else:
            unexpected.append(name)
    for target, (rule, found) in joins.items():
        if len(found) == len(rule.patterns):  # else the target is reported as missing
            parts = [found[place] for place in range(len(found))]
            _put(done, target, rule.make(parts) if rule.make else torch.cat(parts), target)
    return Translated(done, ignored, tuple(unexpected))


def _joined(rule: Join, name: str) -> tuple[int, str | None]:
    for place, pattern in enumerate(rule.patterns):
        if (match := re.fullmatch(pattern, name)) is not None:
            return place, match.expand(rule.target)
    return 0, None


def _put(done: dict[str, Tensor], target: str, tensor: Tensor, name: str) -> None:
    if target in done:
        raise ModelError(f"two published tensors become {target!r} (the second is {name!r}); the checkpoint is not of this format")
    done[target] = tensor
