"""Losses of masked spectrogram prediction: contrastive matching and reconstruction of masked patches."""

from __future__ import annotations

import torch
from torch import Tensor

from auricle.nn.losses.cross_entropy import soft_cross_entropy

_EPSILON = 1e-6  # added to a patch's variance (facebookresearch/mae, models_mae.py)


def match_within_clip(predicted: Tensor, patches: Tensor) -> Tensor:
    """InfoNCE over the masked patches of one clip: predictions of the clip's other masked patches are the negatives. Returns ().

    predicted, patches: (B, M, P), output of the matching head and the true patches. Rows are true patches and the softmax runs over
    predictions, as YuanGongND/ssast computes it (models/ast_models.py); the equation of the paper runs over true patches.
    """
    logits = patches @ predicted.transpose(1, 2)  # (B, M, M)
    return soft_cross_entropy(logits.flatten(0, 1), torch.eye(patches.shape[1], device=patches.device).repeat(len(patches), 1))


def ssast(predicted: Tensor, reconstructed: Tensor, patches: Tensor, *, weight: float = 10.0) -> dict[str, Tensor]:
    """The joint loss of SSAST (Gong et al. 2022, arXiv:2110.09784, equations 1 to 3): parts `match` and `draw`, the latter weighted.

    predicted, reconstructed: (B, M, P) of the matching and of the reconstruction head; patches: (B, M, P), the true masked patches.
    """
    return {"match": match_within_clip(predicted, patches), "draw": weight * (reconstructed - patches).square().mean()}


def masked_patches(reconstructed: Tensor, patches: Tensor, masked: Tensor, *, normalised: bool = True) -> Tensor:
    """Mean squared error over masked patches (He et al. 2022, arXiv:2111.06377; for audio Huang et al. 2022, arXiv:2207.06405).

    reconstructed, patches: (B, M, P); masked: bool (B, M), True for patches that the encoder did not get: only these count.
    normalised: standardise each true patch to zero mean and unit variance first. Returns ().
    """
    if normalised:
        patches = (patches - patches.mean(-1, keepdim=True)) / (patches.var(-1, keepdim=True) + _EPSILON).sqrt()
    error = (reconstructed - patches).square().mean(-1)
    return error.masked_fill(~masked, 0.0).sum() / masked.sum().clamp(min=1)
