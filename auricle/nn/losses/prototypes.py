"""Losses over vectors (B, D) of labelled clips: those of one label shall lie together, whatever labels come later."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def prototypical(vectors: Tensor, labels: Tensor) -> Tensor:
    """Each row is told by the means of the labels in its batch, itself left out (Snell et al. 2017, arXiv:1703.05175, equation 2). ().

    vectors (B, D), labels int64 (B,): rows whose label nobody else has are no questions, but they count as what the others might be.
    Zero where there is no question.
    """
    kinds, place = torch.unique(labels, return_inverse=True)
    member = functional.one_hot(place, len(kinds)).to(vectors.dtype)  # (B, K)
    count, total = member.sum(0), member.T @ vectors
    own = (total[place] - vectors) / (count[place] - 1).clamp(min=1)[:, None]
    distance = torch.cdist(vectors, total / count[:, None]).square()
    distance = torch.where(member.bool(), (vectors - own).square().sum(1, keepdim=True), distance)
    asked = count[place] > 1
    if not bool(asked.any()):
        return 0.0 * vectors.sum()
    return functional.cross_entropy(-distance[asked], place[asked])


def siamese(vectors: Tensor, labels: Tensor, *, margin: float = 1.0) -> Tensor:
    """Pairs of one label are drawn together, others pushed apart up to a margin (Hadsell et al. 2006, equation 4). All pairs. ().

    Pairs of either kind weigh one half, however many there are of them.
    """
    first, second = torch.triu_indices(len(vectors), len(vectors), offset=1, device=vectors.device)
    apart = (vectors[first] - vectors[second]).square().sum(1).clamp(min=1e-12).sqrt()
    same = labels[first] == labels[second]
    parts = [part.mean() for part in (apart[same].square(), (margin - apart[~same]).clamp(min=0).square()) if part.numel()]
    return torch.stack(parts).sum() / 2 if parts else 0.0 * vectors.sum()
