"""Key maps: rules that rename, join or ignore published tensors."""

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
    """Rename tensors whose whole name matches pattern to target (which may refer to its groups); change: transform of the tensor."""

    pattern: str
    target: str
    change: Callable[[Tensor], Tensor] | None = None


@dataclasses.dataclass(frozen=True)
class Join:
    """Join one tensor per pattern into one named target (which may refer to groups).

    make: function of the tensors in the order of the patterns; concatenation by default.
    """

    patterns: tuple[str, ...]
    target: str
    make: Callable[[Sequence[Tensor]], Tensor] | None = None


@dataclasses.dataclass(frozen=True)
class Ignore:
    """Ignore tensors whose whole name matches the pattern, for this reason."""

    pattern: str
    reason: str


Rule: TypeAlias = Rename | Join | Ignore
_NO_MATCH = (None, None, 0)


@dataclasses.dataclass(frozen=True)
class Translated:
    """tensors: by our names; ignored: published name -> reason; unexpected: published names that match no rule."""

    tensors: dict[str, Tensor]
    ignored: dict[str, str]
    unexpected: tuple[str, ...]


def translate(tensors: Mapping[str, Tensor], rules: Sequence[Rule]) -> Translated:
    """Apply to each tensor the first rule that matches its name. ModelError where two tensors get one name."""
    renamed: dict[str, Tensor] = {}
    joins: dict[str, tuple[Join, dict[int, Tensor]]] = {}
    ignored: dict[str, str] = {}
    unexpected: list[str] = []
    patterns = [(re.compile(pattern), rule, index) for rule in rules for index, pattern in enumerate(_patterns(rule))]
    for name, tensor in tensors.items():
        match, rule, index = next(((match, rule, index) for each, rule, index in patterns if (match := each.fullmatch(name))), _NO_MATCH)
        if match is None or rule is None:
            unexpected.append(name)
        elif isinstance(rule, Join):
            joins.setdefault(match.expand(rule.target), (rule, {}))[1][index] = tensor
        elif isinstance(rule, Ignore):
            ignored[name] = rule.reason
        else:
            _add(renamed, match.expand(rule.target), rule.change(tensor) if rule.change else tensor, name)
    for target, (rule, by_index) in joins.items():
        if len(by_index) == len(rule.patterns):  # else the target is reported as missing
            parts = [by_index[index] for index in range(len(by_index))]
            _add(renamed, target, rule.make(parts) if rule.make else torch.cat(parts), target)
    return Translated(renamed, ignored, tuple(unexpected))


def _patterns(rule: Rule) -> tuple[str, ...]:
    return rule.patterns if isinstance(rule, Join) else (rule.pattern,)


def _add(renamed: dict[str, Tensor], target: str, tensor: Tensor, name: str) -> None:
    if target in renamed:
        raise ModelError(f"two published tensors become {target!r} (the second is {name!r}); the checkpoint is not of this format")
    renamed[target] = tensor
