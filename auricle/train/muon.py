"""Muon: an optimiser whose momentum matrices are orthogonalised before each step, so that all directions get updates of the same size.

Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/), with the size of the update matched to AdamW's as in Liu et
al. 2025 (arXiv:2502.16982), so that both share one learning rate. torch.optim.Muon accepts matrices only; here kernels are accepted too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

_MOMENTUM = 0.95
_UPDATE_RMS = 0.2  # root mean square of a typical AdamW update, to which the orthogonalised update is scaled
_QUINTIC = (3.4445, -4.7750, 2.0315)  # a x + b x^3 + c x^5 moves every singular value close to 1 in five iterations
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Muon for hidden weights of two axes or more; a kernel (O, I, H, W) is treated as the matrix (O, I H W). Decoupled weight decay.

    dtype: in which matrices are orthogonalised. bfloat16 changes an update by about one percent.
    """

    def __init__(self, weights: Iterable[nn.Parameter], *, lr: float, weight_decay: float, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update the weights from their gradients."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:  # no part of the loss depends on it
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"]
                momentum.mul_(_MOMENTUM).add_(weight.grad)
                matrix = weight.grad.add(momentum, alpha=_MOMENTUM).flatten(1)  # Nesterov momentum
                update = orthogonalise(matrix.to(self._dtype)).to(matrix.dtype) * (_UPDATE_RMS * math.sqrt(max(matrix.shape)))
                weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update.view_as(weight), alpha=group["lr"])


def orthogonalise(matrix: Tensor) -> Tensor:
    """Move all singular values of a matrix close to 1 (0.7 to 1.2) by Newton-Schulz iteration. (R, C) -> (R, C)."""
    a, b, c = _QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def hidden_weights(encoder: nn.Module) -> list[nn.Parameter]:
    """The weights that Muon optimises: matrices and kernels of an encoder with more than one input channel."""
    return [p for p in encoder.parameters() if p.ndim > 1 and p.shape[1] > 1]
