"""Merging of task vectors, the differences between fine-tuned models and the base model that they started from.

All states of a call, the base included, have the same names and shapes. Sums are formed in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from auricle.core.errors import InputError
from auricle.models.merge.averages import State, normalise_weights

Vectors = list[dict[str, Tensor]]


def task_vectors(base: State, states: Sequence[State]) -> Vectors:
    """State minus base of each state, in double precision."""
    return [{name: state[name].double() - tensor.double() for name, tensor in base.items()} for state in states]


def add_to_base(base: State, vector: State, scale: float) -> dict[str, Tensor]:
    """Base + scale * vector, in the types of the base."""
    return {name: (tensor.double() + scale * vector[name]).to(tensor.dtype) for name, tensor in base.items()}


def task_arithmetic(vectors: Sequence[State], weights: Sequence[float] | None = None) -> dict[str, Tensor]:
    """Sum of task vectors (Ilharco et al. 2023, arXiv:2212.04089). weights: ratios between them; the sum of all is their number."""
    shares = [share * len(vectors) for share in normalise_weights(weights, len(vectors))]
    return {
        name: torch.stack([share * vector[name] for share, vector in zip(shares, vectors, strict=True)]).sum(dim=0) for name in vectors[0]
    }


def ties(vectors: Sequence[State], *, density: float, weights: Sequence[float] | None = None) -> dict[str, Tensor]:
    """TIES merging (Yadav et al. 2023, arXiv:2306.01708): trim, elect sign, mean of those that agree.

    density: share of the entries of each task vector that are kept, the largest ones; 1 keeps all. weights: ratios, used in the election
    and in the mean.
    """
    if not 0 < density <= 1:
        raise InputError(f"density is {density}; wanted a share above 0, up to 1")
    shares = normalise_weights(weights, len(vectors))
    trimmed = [_trim(vector, density) for vector in vectors]
    merged = {}
    for name in vectors[0]:
        stack = torch.stack([vector[name] for vector in trimmed])
        weight = torch.tensor(shares, dtype=stack.dtype).view(-1, *[1] * (stack.ndim - 1))
        agree = (torch.sign(stack) == torch.sign((weight * stack).sum(dim=0))) & (stack != 0)
        total = (weight * agree).sum(dim=0)
        merged[name] = (weight * stack * agree).sum(dim=0) / torch.where(total > 0, total, 1.0)
    return merged


def _trim(vector: State, density: float) -> State:
    """The vector with all but its largest entries set to zero; the limit is one for all of its tensors."""
    sizes = torch.cat([tensor.abs().flatten() for tensor in vector.values()])
    kept = round(density * len(sizes))
    if kept >= len(sizes):
        return vector
    limit = sizes.kthvalue(len(sizes) - max(kept, 1) + 1).values
    return {name: tensor * (tensor.abs() >= limit) for name, tensor in vector.items()}


def drop_and_rescale(vectors: Sequence[State], *, drop: float, generator: torch.Generator) -> Vectors:
    """DARE (Yu et al. 2024, arXiv:2311.03099): set entries to zero with probability `drop` and divide the rest by 1 - drop.

    The result is then merged by `task_arithmetic` or `ties`.
    """
    if not 0 <= drop < 1:
        raise InputError(f"drop is {drop}; wanted a probability of 0 or more, less than 1")
    return [
        {
            name: tensor * (torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) >= drop) / (1 - drop)
            for name, tensor in vector.items()
        }
        for vector in vectors
    ]


@dataclass(frozen=True)
class ElectedVectors:
    """Result of EMR merging. unified: one task vector for all tasks. masks: bool, per task. rescalers: one number per task."""

    unified: dict[str, Tensor]
    masks: list[dict[str, Tensor]]
    rescalers: list[float]

    def vector(self, task: int) -> dict[str, Tensor]:
        """Task vector of one task: its rescaler times the masked unified vector."""
        return {name: self.rescalers[task] * tensor * self.masks[task][name] for name, tensor in self.unified.items()}


def elect_mask_rescale(vectors: Sequence[State]) -> ElectedVectors:
    """EMR merging (Huang et al. 2024, arXiv:2405.17461).

    Elect: of each entry the sign of the sum, and the largest magnitude among those with that sign. Mask: entries whose sign agrees with
    the task's own. Rescale: so that the mean magnitude is that of the task's own vector.
    """
    unified = {}
    for name in vectors[0]:
        stack = torch.stack([vector[name] for vector in vectors])
        sign = torch.sign(stack.sum(dim=0))
        unified[name] = sign * (stack.abs() * (torch.sign(stack) == sign)).amax(dim=0)
    masks = [{name: vector[name] * tensor > 0 for name, tensor in unified.items()} for vector in vectors]
    rescalers = []
    for vector, mask in zip(vectors, masks, strict=True):
        own = sum(float(tensor.abs().sum()) for tensor in vector.values())
        masked = sum(float((tensor.abs() * mask[name]).sum()) for name, tensor in unified.items())
        rescalers.append(own / masked if masked else 1.0)
    return ElectedVectors(unified, masks, rescalers)
