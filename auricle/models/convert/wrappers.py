"""Weights that a wrapper saved: names below `module.`, `model.`, `_orig_mod.` and the like, taken as the names of what was wrapped."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

from auricle.core.errors import ModelError
from auricle.models.convert.checkpoint_file import Checkpoint

_DEEPEST = 4  # wrappers inside wrappers
_AVERAGED = re.compile(r"(?:^|[._])(?:ema|swa|averaged|teacher)(?:[._]|$)")
#: Tensors that averaging wrappers keep for themselves, such as torch.optim.swa_utils.AveragedModel: counts, and no weights.
_COUNTS = ("n_averaged", "num_updates", "initted", "step")


def unwrap(found: Checkpoint, known: Callable[[Checkpoint], bool]) -> Checkpoint:
    """A checkpoint with the names that its format gives; itself where it needs no unwrapping or where nothing in it is known.

    known: whether a checkpoint is of some format. What lies beside the wrapped module keeps its name, so that it is refused as
    unexpected. ModelError where several modules in it are known and none of them alone is an average.
    """
    if known(found):
        return found
    prefixes = list(_known_below(found, known, "", _DEEPEST))
    if not prefixes:
        return found
    chosen = _chosen(found, prefixes)
    tensors = {name.removeprefix(chosen): tensor for name, tensor in found.tensors.items() if name.startswith(chosen)}
    ignored = {}
    for name, tensor in found.tensors.items():
        if name.startswith(chosen):
            continue
        if reason := _left_out(name, tensors, [prefix for prefix in prefixes if prefix != chosen]):
            ignored[name] = reason
        elif name in tensors:
            raise ModelError(f"{found.path}: holds {name!r} by itself and below {chosen!r}; wanted one: save the wrapped module alone")
        else:
            tensors[name] = tensor
    note = f"names were taken without {chosen!r}, which a wrapper put before them"
    if ignored:
        note += f"; {len(ignored)} tensors beside were left out"
    return dataclasses.replace(found, tensors=tensors, notes=(*found.notes, note), ignored={**found.ignored, **ignored})


def _known_below(found: Checkpoint, known: Callable[[Checkpoint], bool], above: str, depth: int) -> Iterator[str]:
    """Shortest prefixes below which a checkpoint is known."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in found.tensors.items():
        first, dot, rest = name.partition(".")
        if dot:
            parts.setdefault(first, {})[rest] = tensor
    for first, tensors in parts.items():
        below = dataclasses.replace(found, tensors=tensors)
        if known(below):
            yield f"{above}{first}."
        elif depth > 1:
            yield from _known_below(below, known, f"{above}{first}.", depth - 1)


def _chosen(found: Checkpoint, prefixes: list[str]) -> str:
    """The only prefix, or the only one of averaged weights, with which training code evaluates."""
    if len(prefixes) == 1:
        return prefixes[0]
    averaged = [prefix for prefix in prefixes if _AVERAGED.search(prefix)]
    if len(averaged) == 1:
        return averaged[0]
    raise ModelError(f"{found.path}: holds several models, below {', '.join(map(repr, prefixes[:5]))}; wanted one: save it alone")


def _left_out(name: str, chosen: Mapping[str, Tensor], others: list[str]) -> str | None:
    """Why a tensor outside the chosen module is not needed; None where it may be."""
    if name.rpartition(".")[2] in _COUNTS:
        return "a count that a wrapper keeps for itself"
    if any(name.startswith(prefix) and name.removeprefix(prefix) in chosen for prefix in others):
        return "weights whose average is taken instead"
    return None
