"""Contrastive losses of paired audio and text vectors (B, D), with the rows of all ranks as negatives.

Their mean over ranks is the loss that one process would compute on the whole batch. Computed in single precision, also under autocast.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.nn.gather import gather_rows, rank_and_size
from auricle.nn.losses.cross_entropy import soft_cross_entropy

#: Bounds of the logit scale (mlfoundations/open_clip clamps its logarithm to [0, ln 100] after each step; LAION-AI/CLAP likewise).
_MIN_SCALE, _MAX_SCALE = 1.0, 100.0


class InfoNce(nn.Module):
    """Symmetric InfoNCE: cross-entropy of cosines times a learned logit scale (Radford et al. 2021, arXiv:2103.00020).

    temperature: initial value; the logit scale is its inverse, clamped to 1..100. divisor: learn the temperature itself
    (XinhaoMei/WavCaps, `temp`) instead of the logarithm of the scale.
    """

    def __init__(self, *, temperature: float = 0.07, divisor: bool = False) -> None:
        super().__init__()
        self.divisor = divisor
        self.learnt = nn.Parameter(torch.tensor([temperature if divisor else -math.log(temperature)]))  # not (): that cannot be sharded

    def logit_scale(self) -> Tensor:
        """Factor of the cosines, ()."""
        if self.divisor:
            return 1 / clamp_with_gradient(self.learnt[0], 1 / _MAX_SCALE, 1 / _MIN_SCALE)
        return clamp_with_gradient(self.learnt[0], math.log(_MIN_SCALE), math.log(_MAX_SCALE)).exp()

    def forward(self, audio: Tensor, text: Tensor, positives: Tensor | None = None, *, hard: Tensor | None = None) -> Tensor:
        """audio, text: (B, D), of any norm. Returns ().

        positives: int64 (B,); rows with equal numbers are positives of each other and share the target evenly (WavCaps).
        hard: (B, H, D), hard negative texts of each row's audio, such as its caption in another order.
        """
        with torch.autocast(audio.device.type, enabled=False):
            audio, text = _unit(audio), _unit(text)
            pairs = positive_pairs(len(audio), positives, audio.device).float()
            text_target = audio_target = pairs / pairs.sum(1, keepdim=True)
            logit_scale = self.logit_scale()
            audio_to_text = logit_scale * audio @ gather_rows(text).T  # (B, W B)
            text_to_audio = logit_scale * text @ gather_rows(audio).T
            if hard is not None:
                audio_to_text = torch.cat([audio_to_text, logit_scale * torch.einsum("bd,bhd->bh", audio, _unit(hard))], dim=1)
                text_target = functional.pad(text_target, (0, hard.shape[1]))
            return (soft_cross_entropy(audio_to_text, text_target) + soft_cross_entropy(text_to_audio, audio_target)) / 2


class SigLip(nn.Module):
    """Sigmoid loss of every audio-text pair, with a learned logit scale and bias (SigLIP: Zhai et al. 2023, arXiv:2303.15343).

    Pairs are independent, so it needs no large batch. The scale is initialised to 10 and the bias to -10, as in the paper.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor([math.log(10.0)]))
        self.bias = nn.Parameter(torch.tensor([-10.0]))

    def forward(self, audio: Tensor, text: Tensor, positives: Tensor | None = None) -> Tensor:
        """audio, text: (B, D), of any norm; positives as for InfoNce. Sum over texts, mean over audio (equation 1). Returns ()."""
        with torch.autocast(audio.device.type, enabled=False):
            logits = self.log_scale.exp() * _unit(audio) @ gather_rows(_unit(text)).T + self.bias
            sign = 2.0 * positive_pairs(len(audio), positives, audio.device) - 1.0
            return -functional.logsigmoid(sign * logits).sum() / len(audio)


def positive_pairs(rows: int, positives: Tensor | None, device: torch.device) -> Tensor:
    """Bool (B, W B): which rows of all ranks are positives of this rank's rows; without `positives` only the row itself."""
    if positives is None:
        rank, world = rank_and_size()
        return torch.eye(rows * world, dtype=torch.bool, device=device)[rank * rows : (rank + 1) * rows]
    return positives[:, None] == gather_rows(positives)[None]


def clamp_with_gradient(value: Tensor, low: float, high: float) -> Tensor:
    """Clamp a value to [low, high]. At a bound, gradients that lead back inside still pass, so a parameter cannot get stuck there."""
    clamped: Tensor = _ClampWithGradient.apply(value, low, high)  # type: ignore[no-untyped-call]
    return clamped


class _ClampWithGradient(torch.autograd.Function):
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
