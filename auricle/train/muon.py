"""Muon: momentum whose matrices are made orthogonal before each step, so that every direction of a layer learns at one pace.

Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/), with the update's size matched to AdamW's as in Liu et al. 2025
(arXiv:2502.16982), so that both share one learning rate. torch.optim.Muon takes matrices alone; here a kernel is one too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

_MOMENTUM = 0.95
_MATCH = 0.2  # root mean square of an AdamW update, which an orthogonal one is scaled to
_QUINTIC = (3.4445, -4.7750, 2.0315)  # a x + b x^3 + c x^5 pulls every singular value to about 1 in five turns
_TURNS = 5


class Muon(torch.optim.Optimizer):
    """For hidden weights of two axes or more; a kernel (O, I, H, W) counts as the matrix (O, I H W). Weight decay is decoupled."""

    def __init__(self, weights: Iterable[nn.Parameter], *, lr: float, weight_decay: float) -> None:
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update from the gradients."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:  # no part of the loss came by it
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"]
                momentum.mul_(_MOMENTUM).add_(weight.grad)
                matrix = weight.grad.add(momentum, alpha=_MOMENTUM).flatten(1)  # Nesterov's look ahead
                update = orthogonal(matrix) * (_MATCH * math.sqrt(max(matrix.shape)))
                weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update.view_as(weight), alpha=group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with all its singular values brought near 1 (0.7 to 1.2), by Newton-Schulz iteration. (R, C) -> (R, C)."""
    a, b, c = _QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_TURNS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def hidden_weights(encoder: nn.Module) -> list[nn.Parameter]:
    """The weights that Muon is for: matrices and kernels inside an encoder, but not the kernels that read the features themselves."""
    return [p for p in encoder.parameters() if p.ndim > 1 and p.shape[1] > 1]
