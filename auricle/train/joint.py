"""The joint head in closed form: what an encoder says of labelled clips in, the linear map to their words' vectors out.

Ridge regression held firmly, every label weighing the same. A map learnt by descent follows the few dozen labels it has seen and is
lost beside them; one this stiff keeps to the directions of sound that many labels share, and so finds a label it never met by its
words (Romera-Paredes and Torr 2015 hold both sides in the same way).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: How firmly the map is held to zero, against clips of unit variance.
STIFFNESS = 2.0


def fit_joint(head: nn.Linear, pooled: Tensor, share: Tensor, words: Tensor, *, stiffness: float = STIFFNESS) -> None:
    """Set the weights of head (C -> D). pooled (N, C); share (N, K) sums to one where a clip has labels; words (K, D), unit length."""
    weight = share @ (1 / share.sum(0).clamp(min=1e-9))
    weight = (weight / weight.sum()).double()[:, None]
    heard, meant = pooled.double(), (share @ words).double()
    centre, middle = (weight * heard).sum(0), (weight * meant).sum(0)
    spread = (weight * (heard - centre).square()).sum(0).sqrt() + 1e-6
    heard = (heard - centre) / spread
    held = heard.T @ (weight * heard) + stiffness * torch.eye(heard.shape[1], dtype=torch.double)
    found = torch.linalg.solve(held, heard.T @ (weight * (meant - middle))) / spread[:, None]
    # A vector's length says nothing here; typical ones are brought to one, where half precision is at its best.
    found /= ((pooled.double() - centre) @ found).norm(dim=1).mean()
    with torch.no_grad():
        head.weight.copy_(found.T)
        head.bias.copy_(-centre @ found)
