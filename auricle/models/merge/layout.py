"""Layout: where each tensor of a merged model, and each row that belongs to a label, comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from auricle.core.config import ModelConfig
from auricle.core.errors import InputError
from auricle.models.merge.averages import State


@dataclass(frozen=True)
class Group:
    """Tensors that the same models have. members: indices of the models. rows: by name, rows of the merged tensor, None for all."""

    members: tuple[int, ...]
    rows: Mapping[str, Tensor | None]


@dataclass(frozen=True)
class Layout:
    """Where the tensors of a merged model come from.

    config: of the merged model. names: of its tensors. rows: name of a tensor whose rows belong to labels -> for each model, its row of
    each merged row, int64 (K,), -1 where it has none. notes: what a user should know, one sentence each.
    """

    config: ModelConfig
    names: tuple[str, ...]
    rows: Mapping[str, Sequence[Tensor]]
    notes: tuple[str, ...]

    def groups(self, states: Sequence[State]) -> list[Group]:
        """The tensors, by the models that have them. states: those of the models. InputError for a tensor that no model has."""
        groups: dict[tuple[int, ...], dict[str, Tensor | None]] = {}
        for name in self.names:
            if name not in self.rows:
                members = tuple(index for index, state in enumerate(states) if name in state)
                _check_shapes(name, [states[index] for index in members])
                groups.setdefault(members, {})[name] = None
                continue
            has = torch.stack([rows >= 0 for rows in self.rows[name][: len(states)]])  # (models, K)
            for pattern in torch.unique(has, dim=1).T:
                members = tuple(torch.nonzero(pattern)[:, 0].tolist())
                groups.setdefault(members, {})[name] = torch.nonzero((has == pattern[:, None]).all(dim=0))[:, 0]
        if () in groups:
            raise InputError(f"no model has the tensor {next(iter(groups[()]))}; wanted folders that are complete")
        return [Group(members, rows) for members, rows in groups.items()]

    def select(self, group: Group, tensors: State, model: int) -> dict[str, Tensor]:
        """The rows of a group in tensors of one model (its state, or others of the same names and rows). Incomplete ones are left out."""
        selected = {}
        for name, rows in group.rows.items():
            if name in tensors and rows is None:
                selected[name] = tensors[name]
            elif name in tensors and rows is not None:
                own = self.rows[name][model][rows]
                if (own >= 0).all():
                    selected[name] = tensors[name][own]
        return selected


def _check_shapes(name: str, states: Sequence[State]) -> None:
    shapes = [tuple(state[name].shape) for state in states]
    if len(set(shapes)) > 1:
        raise InputError(f"tensor {name} has shape {shapes[0]} in one model and {next(s for s in shapes if s != shapes[0])} in another")
