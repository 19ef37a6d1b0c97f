"""Projections of an encoder's vector (B, D) to the joint space (B, E), as published systems define them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ReluProjection(nn.Module):
    """Linear, ReLU, Linear: LAION-CLAP (LAION-AI/CLAP, clap_module/model.py) and WavCaps."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, dim)
        self.second = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) to (B, E)."""
        projected: Tensor = self.second(functional.relu(self.first(x)))
        return projected


class ResidualProjection(nn.Module):
    """LayerNorm(e + W2 gelu(e)) with e = W1 x, without biases: MS-CLAP (microsoft/CLAP, msclap/models/clap.py) and Pengi."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, dim, bias=False)
        self.second = nn.Linear(dim, dim, bias=False)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) to (B, E)."""
        first = self.first(x)
        projected: Tensor = self.norm(first + self.second(functional.gelu(first)))
        return projected


#: Kind of projection -> module.
PROJECTIONS = {"relu": ReluProjection, "residual": ResidualProjection, "linear": nn.Linear}
