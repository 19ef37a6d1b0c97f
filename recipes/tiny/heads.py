"""Linear heads fitted in closed form to the pooled embeddings of a trained encoder.

`fit_joint`: projection to the text embeddings of labels. `fit_similarity`: whitening, for similarity search.

The joint head is a ridge regression with strong L2 regularisation and equal weight for every label. A projection trained by gradient
descent overfits the few dozen training labels; the regularised one uses directions that many labels share, and so transfers to unseen
labels (Romera-Paredes and Torr 2015 regularise both sides in the same way).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: L2 strength of the joint head, for standardised inputs.
L2 = 2.0
#: Variance added to each principal component before whitening, for standardised inputs.
VARIANCE_FLOOR = 0.3


def fit_joint(head: nn.Linear, pooled: Tensor, share: Tensor, text: Tensor, *, l2: float = L2) -> None:
    """Fit head (C -> D) in place. pooled (N, C); share (N, K), label weights of each clip that sum to one; text (K, D), unit length."""
    weight = share @ (1 / share.sum(0).clamp(min=1e-9))
    weight = (weight / weight.sum()).double()[:, None]
    x, target = pooled.double(), (share @ text).double()
    mean, target_mean = (weight * x).sum(0), (weight * target).sum(0)
    deviation = (weight * (x - mean).square()).sum(0).sqrt() + 1e-6
    x = (x - mean) / deviation
    regularised = x.T @ (weight * x) + l2 * torch.eye(x.shape[1], dtype=torch.double)
    projection = torch.linalg.solve(regularised, x.T @ (weight * (target - target_mean))) / deviation[:, None]
    # The norm of an embedding has no meaning here; a typical norm of one suits half precision best.
    projection /= ((pooled.double() - mean) @ projection).norm(dim=1).mean()
    with torch.no_grad():
        head.weight.copy_(projection.T)
        head.bias.copy_(-mean @ projection)


def fit_similarity(head: nn.Linear, pooled: Tensor, *, floor: float = VARIANCE_FLOOR) -> None:
    """Fit head (C -> E) in place to whitened principal components of pooled (N, C), in order of decreasing variance.

    The components of largest variance separate the training labels; after whitening the others contribute too, which distinguishes sounds
    without a label. floor: variance added to each component, so that noise in the smallest ones is not amplified.
    """
    x = pooled.double()
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    values, axes = torch.linalg.eigh(((x - mean) / deviation).T.cov())
    size = head.out_features
    projection = axes[:, -size:].flip(1) / (values[-size:].flip(0).clamp(min=0) + floor).sqrt() / deviation[:, None]
    with torch.no_grad():
        head.weight.copy_(projection.T)
        head.bias.copy_(-mean @ projection)
