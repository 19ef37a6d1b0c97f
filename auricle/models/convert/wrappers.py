"""Remove prefixes that wrappers put before tensor names: `module.`, `model.`, `_orig_mod.` and the like."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

from auricle.core.errors import ModelError
from auricle.models.convert.checkpoint_file import Checkpoint

_MAX_DEPTH = 4  # wrappers inside wrappers
_AVERAGED = re.compile(r"(?:^|[._])(?:ema|swa|averaged|teacher)(?:[._]|$)")
#: Counters of averaging wrappers such as torch.optim.swa_utils.AveragedModel, which are not weights.
_COUNTERS = ("n_averaged", "num_updates", "initted", "step")


def unwrap(checkpoint: Checkpoint, is_known: Callable[[Checkpoint], bool]) -> Checkpoint:
    """Remove a wrapper's prefix from tensor names; a checkpoint that needs no unwrapping, or has no known format, is returned as it is.

    is_known: whether a checkpoint has a known format. Tensors outside the wrapped module keep their names and are rejected as unexpected
    later. ModelError where several modules have a known format and not exactly one of them is an average (EMA, SWA).
    """
    if is_known(checkpoint):
        return checkpoint
    prefixes = list(_find_prefixes(checkpoint, is_known, "", _MAX_DEPTH))
    if not prefixes:
        return checkpoint
    chosen = _choose_prefix(checkpoint, prefixes)
    tensors = {name.removeprefix(chosen): tensor for name, tensor in checkpoint.tensors.items() if name.startswith(chosen)}
    ignored = {}
    for name, tensor in checkpoint.tensors.items():
        if name.startswith(chosen):
            continue
        if reason := _reason_to_ignore(name, tensors, [prefix for prefix in prefixes if prefix != chosen]):
            ignored[name] = reason
        elif name in tensors:
            raise ModelError(f"{checkpoint.path}: has {name!r} both with and without {chosen!r}; wanted one: save the wrapped module alone")
        else:
            tensors[name] = tensor
    note = f"the prefix {chosen!r} of a wrapper was removed from tensor names"
    if ignored:
        note += f"; {len(ignored)} other tensors were left out"
    return dataclasses.replace(checkpoint, tensors=tensors, notes=(*checkpoint.notes, note), ignored={**checkpoint.ignored, **ignored})


def _find_prefixes(checkpoint: Checkpoint, is_known: Callable[[Checkpoint], bool], above: str, depth: int) -> Iterator[str]:
    """Shortest prefixes below which a checkpoint has a known format."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in checkpoint.tensors.items():
        first, dot, rest = name.partition(".")
        if dot:
            parts.setdefault(first, {})[rest] = tensor
    for first, tensors in parts.items():
        below = dataclasses.replace(checkpoint, tensors=tensors)
        if is_known(below):
            yield f"{above}{first}."
        elif depth > 1:
            yield from _find_prefixes(below, is_known, f"{above}{first}.", depth - 1)


def _choose_prefix(checkpoint: Checkpoint, prefixes: list[str]) -> str:
    """The only prefix, or the only one of averaged weights, which training code evaluates with."""
    if len(prefixes) == 1:
        return prefixes[0]
    averaged = [prefix for prefix in prefixes if _AVERAGED.search(prefix)]
    if len(averaged) == 1:
        return averaged[0]
    raise ModelError(f"{checkpoint.path}: holds several models, below {', '.join(map(repr, prefixes[:5]))}; wanted one: save it alone")


def _reason_to_ignore(name: str, tensors: Mapping[str, Tensor], other_prefixes: list[str]) -> str | None:
    """Why a tensor outside the chosen module is not needed; None where it may be."""
    if name.rpartition(".")[2] in _COUNTERS:
        return "a counter of a wrapper"
    if any(name.startswith(prefix) and name.removeprefix(prefix) in tensors for prefix in other_prefixes):
        return "weights whose average is taken instead"
    return None
