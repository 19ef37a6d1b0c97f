"""Statistics of batch norms of a merged model, matched to its parents' on data.

Averaged weights give activations of less variance than either parent's, and the mean of two models' statistics is that of neither (Jordan
et al. 2023, arXiv:2211.08403, REPAIR). As there, each channel gets the mean and standard deviation that it has in the parents, here by the
statistics of its norm. What the parents' norms give on the data need not have mean zero and variance one, since the data may differ from
what the norms were trained on: equal parents keep their statistics on any data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor, nn

from auricle.models.merge.averages import State, normalise_weights

#: Mean and standard deviation (C,) of a normalised input, by the name of the norm.
Moments: TypeAlias = dict[str, tuple[Tensor, Tensor]]


def batch_norms(model: nn.Module) -> dict[str, nn.BatchNorm1d | nn.BatchNorm2d]:
    """The batch norms of a model by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)}


@torch.no_grad()
def normalised_moments(model: nn.Module, state: State, features: Tensor) -> Moments:
    """Moments of the input of each batch norm after normalisation, before its scale and shift, over a batch of features (B, ...).

    state: tensors of the model, used in place of its own.
    """
    moments: Moments = {}

    def collect(name: str, norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> None:
        (mean, deviation), (centre, scale) = _moments(x), _statistics(norm)
        moments[name] = ((mean - centre) / scale, deviation / scale)

    with _before_norms(model, collect):
        torch.func.functional_call(model.eval(), {name: tensor.to(features.device) for name, tensor in state.items()}, (features,))
    return moments


@torch.no_grad()
def match(model: nn.Module, features: Tensor, parents: Sequence[Moments], weights: Sequence[float] | None = None) -> None:
    """Set the statistics of each batch norm so that its normalised input has the mean of the parents' moments, in place.

    features: the batch (B, ...) of which the parents' moments are. Norms are set in the order in which they are run, so each sees the
    effect of those before it. A norm that a parent lacks or has in another size, and channels that are constant, keep their statistics.
    """
    shares = normalise_weights(weights, len(parents))

    def adjust(name: str, norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> None:
        (mean, deviation), (_, scale) = _moments(x), _statistics(norm)
        own = [moments[name] for moments in parents if name in moments and moments[name][0].shape == mean.shape]
        if len(own) < len(parents):
            return
        wanted, spread = (torch.stack([share * each[part] for share, each in zip(shares, own, strict=True)]).sum(dim=0) for part in (0, 1))
        varies = (deviation > 1e-6 * scale) & (spread > 1e-6)
        assert norm.running_mean is not None and norm.running_var is not None
        factor = torch.where(varies, deviation / spread.clamp(min=1e-6), scale)
        norm.running_mean.copy_(torch.where(varies, mean - wanted * factor, norm.running_mean.cpu()))
        norm.running_var.copy_(torch.where(varies, (factor.square() - norm.eps).clamp(min=0), norm.running_var.cpu()))

    with _before_norms(model, adjust):
        model.eval()(features)


@contextmanager
def _before_norms(model: nn.Module, function: Callable[[str, nn.BatchNorm1d | nn.BatchNorm2d, Tensor], None]) -> Iterator[None]:
    """Context manager: call a function with name, norm and input of each batch norm, before the norm is run."""
    handles = [
        module.register_forward_pre_hook(lambda norm, inputs, name=name: function(name, norm, inputs[0]))
        for name, module in batch_norms(model).items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of x (B, C, ...), in double precision, on the CPU."""
    values = (x.cpu() if x.device.type == "mps" else x).double().transpose(0, 1).flatten(1)  # Apple's GPU has no double precision
    return values.mean(dim=1).cpu(), values.std(dim=1, unbiased=False).cpu()


def _statistics(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Running mean and standard deviation of a norm, in double precision, on the CPU."""
    assert norm.running_mean is not None and norm.running_var is not None
    return norm.running_mean.cpu().double(), (norm.running_var.cpu().double() + norm.eps).sqrt()
