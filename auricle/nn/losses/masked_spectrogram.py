"""Losses of masked spectrograms: what was hidden is told from the clip's other hidden patches, or drawn again."""

from __future__ import annotations

import torch
from torch import Tensor

from auricle.nn.losses.cross_entropy import shared_cross_entropy

_SPREAD = 1e-6  # added to a patch's variance (facebookresearch/mae, models_mae.py)


def match_within_clip(guessed: Tensor, hidden: Tensor) -> Tensor:
    """InfoNCE over the hidden patches of one clip: each true patch picks its guess among all guesses. Returns ().

    guessed, hidden: (B, M, P), what the matching head says and the true patches. Rows are true patches and the softmax runs over
    guesses, as YuanGongND/ssast computes it (models/ast_models.py); the equation of the paper runs over true patches.
    """
    logits = hidden @ guessed.transpose(1, 2)  # (B, M, M)
    return shared_cross_entropy(logits.flatten(0, 1), torch.eye(hidden.shape[1], device=hidden.device).repeat(len(hidden), 1))


def ssast(guessed: Tensor, drawn: Tensor, hidden: Tensor, *, weight: float = 10.0) -> dict[str, Tensor]:
    """The joint loss of SSAST (Gong et al. 2022, arXiv:2110.09784, equations 1 to 3): parts `match` and `draw`, the latter weighted.

    guessed, drawn: (B, M, P) of the matching and of the drawing head; hidden: (B, M, P), the true patches.
    """
    return {"match": match_within_clip(guessed, hidden), "draw": weight * (drawn - hidden).square().mean()}


def masked_patches(drawn: Tensor, patches: Tensor, hidden: Tensor, *, normalised: bool = True) -> Tensor:
    """Squared error over hidden patches alone (He et al. 2022, arXiv:2111.06377; for sound Huang et al. 2022, arXiv:2207.06405).

    drawn, patches: (B, M, P); hidden: bool (B, M), True where the encoder did not see the patch: only these count. normalised:
    each patch is brought to zero mean and unit variance first. Returns ().
    """
    if normalised:
        patches = (patches - patches.mean(-1, keepdim=True)) / (patches.var(-1, keepdim=True) + _SPREAD).sqrt()
    error = (drawn - patches).square().mean(-1)
    return error.masked_fill(~hidden, 0.0).sum() / hidden.sum().clamp(min=1)
