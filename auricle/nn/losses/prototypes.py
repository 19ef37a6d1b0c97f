"""Metric-learning losses over vectors (B, D) of labelled clips, for few-shot classification."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def prototypical(vectors: Tensor, labels: Tensor) -> Tensor:
    """Prototypical loss: classify each row by the class means of the batch, leaving the row itself out of its class's mean. Returns ().

    Snell et al. 2017, arXiv:1703.05175, equation 2. vectors (B, D), labels int64 (B,). Rows that are the only ones of their label are
    not queries, but they are prototypes for the others. Zero where there are no queries.
    """
    classes, index = torch.unique(labels, return_inverse=True)
    member = functional.one_hot(index, len(classes)).to(vectors.dtype)  # (B, K)
    count, total = member.sum(0), member.T @ vectors
    own = (total[index] - vectors) / (count[index] - 1).clamp(min=1)[:, None]
    distance = torch.cdist(vectors, total / count[:, None]).square()
    distance = torch.where(member.bool(), (vectors - own).square().sum(1, keepdim=True), distance)
    queries = count[index] > 1
    if not bool(queries.any()):
        return 0.0 * vectors.sum()
    return functional.cross_entropy(-distance[queries], index[queries])


def siamese(vectors: Tensor, labels: Tensor, *, margin: float = 1.0) -> Tensor:
    """Margin loss of all pairs: distances within a label are minimised, others pushed above the margin (Hadsell et al. 2006, equation 4).

    vectors (B, D), labels int64 (B,). Positive and negative pairs weigh one half each, whatever their numbers. Returns ().
    """
    first, second = torch.triu_indices(len(vectors), len(vectors), offset=1, device=vectors.device)
    distance = (vectors[first] - vectors[second]).square().sum(1).clamp(min=1e-12).sqrt()
    same = labels[first] == labels[second]
    parts = [part.mean() for part in (distance[same].square(), (margin - distance[~same]).clamp(min=0).square()) if part.numel()]
    return torch.stack(parts).sum() / 2 if parts else 0.0 * vectors.sum()
