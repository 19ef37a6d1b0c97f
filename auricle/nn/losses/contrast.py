"""Contrastive losses: sounds and words (B, D), row by row a pair; each is told from all other rows of all ranks.

Averaged over ranks they are what one process would compute of all rows together. Computed in single precision under autocast too.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.nn.gather import gathered, ranks
from auricle.nn.losses.cross_entropy import shared_cross_entropy

#: Bounds of the scale: 1 to 100 (mlfoundations/open_clip clamps log_scale to [0, ln 100] after each step; LAION-AI/CLAP likewise).
_LOWEST, _HIGHEST = 1.0, 100.0


class InfoNce(nn.Module):
    """Symmetric cross-entropy of cosines times a learnt scale (Radford et al. 2021, arXiv:2103.00020).

    temperature: where it starts; the scale is its inverse, held to 1..100. divisor: the temperature itself is learnt and divides
    (XinhaoMei/WavCaps, `temp`), instead of the logarithm of the scale.
    """

    def __init__(self, *, temperature: float = 0.07, divisor: bool = False) -> None:
        super().__init__()
        self.divisor = divisor
        self.learnt = nn.Parameter(torch.tensor([temperature if divisor else -math.log(temperature)]))  # not (): that cannot be sharded

    def scale(self) -> Tensor:
        """What cosines are multiplied by, ()."""
        if self.divisor:
            return 1 / held(self.learnt[0], 1 / _HIGHEST, 1 / _LOWEST)
        return held(self.learnt[0], math.log(_LOWEST), math.log(_HIGHEST)).exp()

    def forward(self, audio: Tensor, text: Tensor, groups: Tensor | None = None, *, hard: Tensor | None = None) -> Tensor:
        """audio, text: (B, D), of any length. Returns ().

        groups: int64 (B,); rows of one number are true pairs of each other too, and share a row's target evenly (WavCaps).
        hard: (B, H, D), texts that are wrong for that row's sound alone, such as its caption in another order.
        """
        with torch.autocast(audio.device.type, enabled=False):
            audio, text = _unit(audio), _unit(text)
            alike = pairs(len(audio), groups, audio.device).float()
            share = alike / alike.sum(1, keepdim=True)
            scale = self.scale()
            heard, said = scale * audio @ gathered(text).T, scale * text @ gathered(audio).T  # (B, W B)
            wanted = share
            if hard is not None:
                heard = torch.cat([heard, scale * torch.einsum("bd,bhd->bh", audio, _unit(hard))], dim=1)
                wanted = functional.pad(share, (0, hard.shape[1]))
            return (shared_cross_entropy(heard, wanted) + shared_cross_entropy(said, share)) / 2


class SigLip(nn.Module):
    """A yes or no for each sound with each text, from the cosine, a learnt scale and a learnt bias (Zhai et al. 2023, arXiv:2303.15343).

    Needs no large batch, since no row is compared with the others. Scale starts at 10, bias at -10, as in the paper.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor([math.log(10.0)]))
        self.bias = nn.Parameter(torch.tensor([-10.0]))

    def forward(self, audio: Tensor, text: Tensor, groups: Tensor | None = None) -> Tensor:
        """audio, text: (B, D), of any length; groups as for InfoNce. Summed over texts, mean over sounds (equation 1). Returns ()."""
        with torch.autocast(audio.device.type, enabled=False):
            logits = self.log_scale.exp() * _unit(audio) @ gathered(_unit(text)).T + self.bias
            sign = 2.0 * pairs(len(audio), groups, audio.device) - 1.0
            return -functional.logsigmoid(sign * logits).sum() / len(audio)


def pairs(rows: int, groups: Tensor | None, device: torch.device) -> Tensor:
    """Which of all ranks' rows fit this rank's: bool (B, W B); themselves, and those of the same group."""
    if groups is None:
        rank, world = ranks()
        return torch.eye(rows * world, dtype=torch.bool, device=device)[rank * rows : (rank + 1) * rows]
    return groups[:, None] == gathered(groups)[None]


def held(value: Tensor, low: float, high: float) -> Tensor:
    """The value between bounds. Its gradient passes unless a step against it would lead further out, so nothing gets stuck there."""
    found: Tensor = _Held.apply(value, low, high)  # type: ignore[no-untyped-call]
    return found


class _Held(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(value)
        ctx.bounds = low, high
        return value.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (value,), (low, high), gradient = ctx.saved_tensors, ctx.bounds, gradients[0]
        outward = (value <= low) & (gradient > 0) | (value >= high) & (gradient < 0)
        return gradient.masked_fill(outward, 0.0), None, None


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors.float(), dim=-1)
