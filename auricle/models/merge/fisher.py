"""Fisher merging: an average in which each weight counts by its diagonal Fisher information (Matena & Raffel 2022, arXiv:2111.09832)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from auricle.core.errors import InputError
from auricle.models.merge.averages import State, linear, normalise_weights
from auricle.models.model import Model

#: Smallest information of a weight, as in the authors' code: weights without information are averaged evenly.
_FLOOR = 1e-6


def fisher_diagonal(model: Model, clips: Iterable[Tensor], *, generator: torch.Generator) -> dict[str, Tensor]:
    """Diagonal Fisher information of the parameters: mean over clips of the squared gradient of the log likelihood.

    clips: features of one clip each, (1, T, F). Targets are drawn from the model's own clip_scores: one label where they exclude each
    other, else each label for itself. Without the model's own distribution this would be the empirical Fisher, which differs.
    InputError for a model without clip_scores, or no clips.
    """
    scores = {name: output for name, output in model.config.outputs.items() if output.kind == "clip_scores"}
    if not scores:
        raise InputError(f"{model.config.name} has no clip_scores; wanted a model with labels for Fisher merging")
    parameters = {name: parameter.requires_grad_(True) for name, parameter in model.named_parameters()}
    sums = {name: torch.zeros(parameter.shape, dtype=torch.float64) for name, parameter in parameters.items()}
    count = 0
    for features in clips:
        logits = model.eval()(features, outputs=tuple(scores))
        total = sum(_log_likelihood(logits[name], output.activation, generator) for name, output in scores.items())
        gradients = torch.autograd.grad(torch.as_tensor(total), list(parameters.values()), allow_unused=True)
        for name, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                sums[name] += gradient.cpu().double().square()
        count += 1
    model.requires_grad_(False)
    if not count:
        raise InputError("no clips for the Fisher information; wanted at least one")
    return {name: total / count for name, total in sums.items()}


def _log_likelihood(logits: Tensor, activation: str, generator: torch.Generator) -> Tensor:
    """Log likelihood of targets drawn from logits (1, K) themselves, ()."""
    if activation == "softmax":
        target = torch.multinomial(logits.detach().cpu().softmax(dim=-1), 1, generator=generator).to(logits.device)
        return logits.log_softmax(dim=-1).gather(1, target).sum()
    targets = torch.bernoulli(logits.detach().cpu().sigmoid(), generator=generator).to(logits.device)
    return -torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")


def fisher(
    states: Sequence[State], information: Sequence[Mapping[str, Tensor]], weights: Sequence[float] | None = None
) -> dict[str, Tensor]:
    """Mean of each tensor, every entry weighted by its information; tensors without information (buffers) by the weights alone."""
    shares, merged = normalise_weights(weights, len(states)), linear(states, weights)
    for name in merged.keys() & information[0].keys():
        factors = [share * (each[name] + _FLOOR) for share, each in zip(shares, information, strict=True)]
        total = torch.stack([factor * state[name].double() for factor, state in zip(factors, states, strict=True)]).sum(dim=0)
        merged[name] = (total / torch.stack(factors).sum(dim=0)).to(merged[name].dtype)
    return merged
