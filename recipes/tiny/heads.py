"""Heads in closed form, fitted when an encoder is trained: what it says of clips in, linear maps out.

`fit_joint`: from labelled clips to their words' vectors. `fit_likeness`: to directions that all vary alike.

The joint head is a ridge regression held firmly, every label weighing the same. A map learnt by descent follows the few dozen labels it
has seen and is lost beside them; one this stiff keeps to the directions of sound that many labels share, and so finds a label it never
met by its words (Romera-Paredes and Torr 2015 hold both sides in the same way).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: How firmly the joint map is held to zero, against clips of unit variance.
STIFFNESS = 2.0
#: Variance added to each whitened component, against components of unit mean variance.
FLOOR = 0.3


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


def fit_similarity(head: nn.Linear, pooled: Tensor, *, floor: float = FLOOR) -> None:
    """Set the weights of head (C -> E) to whitened principal components of pooled (N, C), the largest first.

    An encoder's few loudest directions say what its labels were; whitened, the quiet ones count too, and a sound that has no label is
    told from others by them. floor: variance added to each component, so that the quietest are not blown up.
    """
    heard = pooled.double()
    centre, spread = heard.mean(0), heard.std(0) + 1e-6
    values, axes = torch.linalg.eigh(((heard - centre) / spread).T.cov())
    size = head.out_features
    chosen = axes[:, -size:].flip(1) / (values[-size:].flip(0).clamp(min=0) + floor).sqrt() / spread[:, None]
    with torch.no_grad():
        head.weight.copy_(chosen.T)
        head.bias.copy_(-centre @ chosen)
