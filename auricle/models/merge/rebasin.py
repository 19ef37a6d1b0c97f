"""Git Re-Basin by weight matching: reorder the units of a model so that its weights are as close as possible to another's.

Ainsworth et al. 2023, arXiv:2209.04836, algorithm 1: coordinate descent over the symmetries; the order of each is a linear assignment
problem. The function of the reordered model is unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from auricle.core.optional import require
from auricle.models.merge.averages import State
from auricle.models.merge.permutations import Axis, Symmetries, permute

_MAX_PASSES = 100


def match_weights(first: State, second: State, symmetries: Symmetries, *, generator: torch.Generator) -> dict[str, Tensor]:
    """The second state with its units in the order that fits the first best; a local optimum of the inner product of all weights.

    generator: of the order in which symmetries are visited.
    """
    optimize: Any = require("scipy.optimize", extra="classic", why="git re-basin")
    matched = dict(second)
    for _ in range(_MAX_PASSES):
        changed = False
        for index in torch.randperm(len(symmetries), generator=generator).tolist():
            gains = _gains(first, matched, symmetries[index])
            order = torch.as_tensor(optimize.linear_sum_assignment(gains.numpy(), maximize=True)[1])
            gain = float(gains[torch.arange(len(order)), order].sum() - gains.diagonal().sum())
            if gain > 1e-9 * float(gains.abs().sum()):
                matched, changed = permute(matched, symmetries[index], order), True
        if not changed:
            break
    return matched


def _gains(first: State, second: State, symmetry: Sequence[Axis]) -> Tensor:
    """Inner products of the weights of each unit of the first state with each of the second, (n, n).

    Statistics of norms are left out, and tensors of other shapes, such as layers of other labels.
    """
    axes = [axis for axis in symmetry if "running_" not in axis.name and first[axis.name].shape == second[axis.name].shape]
    products = [axis.rows(first[axis.name].double()) @ axis.rows(second[axis.name].double()).T for axis in axes]
    return torch.stack(products).sum(dim=0)
