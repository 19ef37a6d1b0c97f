"""How similar two models are: cosines of their weights by block, and linear CKA of their embeddings."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from auricle.models.merge.averages import State


def block_cosines(first: State, second: State, *, block: Callable[[str], str]) -> dict[str, float]:
    """Cosine of the concatenated weights of each block, over tensors that both states have in the same shape.

    block: name of a tensor to the name of its block. A block of zeros in both has cosine 1.
    """
    sums: dict[str, Tensor] = {}
    for name, tensor in first.items():
        if name in second and second[name].shape == tensor.shape and tensor.is_floating_point():
            one, other = tensor.double().flatten(), second[name].double().flatten()
            products = torch.stack([one @ other, one @ one, other @ other])
            sums[block(name)] = sums[block(name)] + products if block(name) in sums else products
    return {name: _cosine(*total.tolist()) for name, total in sums.items()}


def _cosine(product: float, one: float, other: float) -> float:
    if not one or not other:
        return float(one == other)
    return product / math.sqrt(one * other)


def linear_cka(first: Tensor, second: Tensor) -> float:
    """Linear centred kernel alignment (CKA) of embeddings (N, D) and (N, E) of the same N clips, 0 to 1.

    Kornblith et al. 2019, arXiv:1905.00414, section 3. Invariant to rotations and to the scale of either; nan where one is constant.
    """
    one, other = (x.double() - x.double().mean(dim=0) for x in (first, second))
    product = (other.T @ one).square().sum()
    return float(product / ((one.T @ one).norm() * (other.T @ other).norm()))
