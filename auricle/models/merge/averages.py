"""Averages of weights: linear, uniform and greedy soups, spherical interpolation.

A state is a mapping of names to tensors; all states of a call have the same names and shapes. Sums are formed in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from auricle.core.errors import InputError

#: Tensors by name.
State = Mapping[str, Tensor]
#: Cosine from which two tensors count as parallel: the formula of the sphere divides by the sine of their angle.
_PARALLEL = 0.9995


def linear(states: Sequence[State], weights: Sequence[float] | None = None) -> dict[str, Tensor]:
    """Weighted mean of each tensor; without weights the uniform soup of Wortsman et al. 2022, arXiv:2203.05482.

    weights: one of 0 or more per state; only their ratios count. InputError for another number of weights, or a sum of zero.
    """
    shares = normalise_weights(weights, len(states))
    merged = {}
    for name, first in states[0].items():
        total = sum(share * state[name].double() for share, state in zip(shares, states, strict=True) if share)
        merged[name] = torch.as_tensor(total).to(first.dtype)
    return merged


def normalise_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    """`count` weights that sum to one; equal ones for None. InputError where they cannot be used."""
    given = [1.0] * count if not weights else list(weights)
    if len(given) != count or not all(math.isfinite(weight) and weight >= 0 for weight in given) or not sum(given):
        raise InputError(f"weights {given}; wanted {count} numbers of 0 or more, one per model, not all zero")
    return [weight / sum(given) for weight in given]


def slerp(first: State, second: State, t: float = 0.5) -> dict[str, Tensor]:
    """Spherical linear interpolation of each tensor as one vector (Shoemake 1985, "Animating rotation with quaternion curves").

    t: 0 gives the first state, 1 the second. Tensors that are nearly parallel, or zero, are interpolated linearly.
    """
    if not 0 <= t <= 1:
        raise InputError(f"t is {t}; wanted a number from 0 (the first model) to 1 (the second)")
    return {name: _slerp(tensor, second[name], t) for name, tensor in first.items()}


def _slerp(first: Tensor, second: Tensor, t: float) -> Tensor:
    one, other = first.double(), second.double()
    norms = float(one.norm() * other.norm())
    cosine = float((one * other).sum()) / norms if norms else 1.0
    if abs(cosine) > _PARALLEL:
        return torch.lerp(one, other, t).to(first.dtype)
    angle = math.acos(cosine)
    mixed = math.sin((1 - t) * angle) * one + math.sin(t * angle) * other
    return (mixed / math.sin(angle)).to(first.dtype)


def greedy_soup(count: int, evaluate: Callable[[Sequence[int]], float]) -> list[int]:
    """Greedy soup (Wortsman et al. 2022, arXiv:2203.05482, recipe 1): average those models that do not lower the score.

    Models are tried in the order of their own scores, best first. evaluate: indices of models to the score of their average, higher is
    better; on data that the result is not judged by. Returns the indices of the models to average, in the order in which they were added.
    """
    scores = [evaluate([index]) for index in range(count)]
    order = sorted(range(count), key=lambda index: (-scores[index], index))
    chosen, best = [order[0]], scores[order[0]]
    for index in order[1:]:
        score = evaluate([*chosen, index])
        if score >= best:
            chosen, best = [*chosen, index], score
    return chosen


def exponential_weights(count: int, decay: float) -> list[float]:
    """Weights of an exponential moving average over `count` checkpoints, oldest first: those of a run that started with the oldest one."""
    if not 0 <= decay < 1:
        raise InputError(f"decay is {decay}; wanted a number of 0 or more, less than 1")
    return [decay ** (count - 1 - index) * (1.0 if index == 0 else 1 - decay) for index in range(count)]
