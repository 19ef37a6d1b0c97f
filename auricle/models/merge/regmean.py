"""RegMean: linear layers are merged so that their outputs fit those of all models by least squares (Jin et al. 2023, arXiv:2212.09849).

Departure from the paper: convolutions without groups are merged too, as linear layers of their patches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from auricle.models.merge.averages import State, linear, normalise_weights

#: Widest input of a layer, entries of a patch; the Gram matrix of a wider one takes too much memory, and its layer is averaged.
MAX_WIDTH = 4096
_RIDGE = 1e-6  # added to all diagonals, relative to their mean: layers of inputs that are always zero are averaged


@torch.no_grad()
def gram_matrices(model: nn.Module, batches: Iterable[Tensor]) -> dict[str, Tensor]:
    """Gram matrices (I, I) of the inputs of linear layers and convolutions, by the names of their weights, in double precision.

    batches: inputs of the model, (B, ...). Layers that the batches do not reach have no entry. Each is divided by the number of rows.
    """
    sums: dict[str, Tensor] = {}
    rows: dict[str, int] = {}

    def collect(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = _rows(module, inputs[0])
        x = (x.cpu() if x.device.type == "mps" else x).double()  # Apple's GPU has no double precision
        sums[name] = sums.get(name, torch.zeros((), dtype=torch.float64)) + (x.T @ x).cpu()
        rows[name] = rows.get(name, 0) + len(x)

    handles = [
        module.register_forward_pre_hook(lambda module, inputs, name=f"{path}.weight": collect(name, module, inputs))
        for path, module in model.named_modules()
        if _is_linear(module)
    ]
    try:
        for features in batches:
            model.eval()(features)
    finally:
        for handle in handles:
            handle.remove()
    return {name: total / rows[name] for name, total in sums.items()}


def _is_linear(module: nn.Module) -> bool:
    if isinstance(module, nn.Conv1d | nn.Conv2d) and (module.groups > 1 or not isinstance(module.padding, tuple)):
        return False
    return isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d) and module.weight[0].numel() <= MAX_WIDTH


def _rows(module: nn.Module, x: Tensor) -> Tensor:
    """Inputs of a layer as rows (N, I): of a convolution its patches."""
    if isinstance(module, nn.Conv1d):
        x = x[:, :, None]
        sizes = [(1, *size) for size in (module.kernel_size, module.stride, module.dilation)]
        patches = functional.unfold(x, sizes[0], sizes[2], (0, int(module.padding[0])), sizes[1])
        return patches.transpose(1, 2).flatten(0, 1)
    if isinstance(module, nn.Conv2d):
        patches = functional.unfold(x, module.kernel_size, module.dilation, module.padding, module.stride)  # type: ignore[arg-type]
        return patches.transpose(1, 2).flatten(0, 1)
    return x.flatten(0, -2)


def regmean(
    states: Sequence[State], grams: Sequence[Mapping[str, Tensor]], *, shrink: float = 0.9, weights: Sequence[float] | None = None
) -> dict[str, Tensor]:
    """Weights W = (sum W_i G_i) (sum G_i)^-1 of layers with a Gram matrix G_i; all other tensors are averaged.

    W (O, I) maps inputs to outputs as in torch.nn.Linear, so G stands on its right. shrink: factor of the off-diagonal entries of G, the
    paper's alpha; the paper suggests 0.9.
    """
    shares, merged = normalise_weights(weights, len(states)), linear(states, weights)
    for name in merged.keys() & set.intersection(*(set(gram) for gram in grams)):
        shape = merged[name].shape
        products, total = torch.zeros(shape[0], shape[1:].numel(), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        ridge = _RIDGE * float(torch.stack([gram[name].diagonal().mean() for gram in grams]).mean()) or 1.0
        for share, state, gram in zip(shares, states, grams, strict=True):
            matrix = share * _shrunk(gram[name], shrink, ridge)
            products, total = products + state[name].double().flatten(1) @ matrix, total + matrix
        merged[name] = torch.linalg.solve(total, products, left=False).reshape(shape).to(merged[name].dtype)
    return merged


def _shrunk(gram: Tensor, shrink: float, ridge: float) -> Tensor:
    """The Gram matrix with smaller off-diagonal entries and a larger diagonal, so that it can be inverted."""
    return shrink * gram + torch.diag((1 - shrink) * gram.diagonal() + ridge)
