"""Permutation symmetries of our encoders: which axes of which tensors can be reordered together without changing any output.

Only units inside the network are reordered: channels of convolutions, hidden units of MLPs, attention heads. What a model gives out
(pooled vector, frames, labels) keeps its order, so the states of a transformer, which end in its frames, are not reordered.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from auricle.core.errors import InputError
from auricle.models.encoders.cnn14 import Cnn14
from auricle.models.encoders.convnext import ConvNext
from auricle.models.encoders.convolutional import ConvEncoder
from auricle.models.encoders.gated import Gated
from auricle.models.encoders.mobilenet import MobileNet
from auricle.models.merge.averages import State
from auricle.models.model import Model
from auricle.nn.attention import RelativePositions
from auricle.nn.conv import ConvNorm
from auricle.nn.gated import GatedBlock
from auricle.nn.projection import ReluProjection
from auricle.nn.transformer import Block


@dataclass(frozen=True)
class Axis:
    """An axis that is reordered, seen as (outer, n, inner) of which n is reordered. name: of the tensor."""

    name: str
    axis: int
    outer: int = 1
    inner: int = 1

    def size(self, state: State) -> int:
        """The number n of units."""
        return state[self.name].shape[self.axis] // (self.outer * self.inner)

    def rows(self, tensor: Tensor) -> Tensor:
        """The tensor as one row per unit, (n, rest)."""
        shape = tensor.shape
        units = tensor.reshape(*shape[: self.axis], self.outer, -1, self.inner, *shape[self.axis + 1 :])
        return units.movedim(self.axis + 1, 0).flatten(1)

    def permute(self, tensor: Tensor, order: Tensor) -> Tensor:
        """The tensor with its units in another order."""
        shape = tensor.shape
        units = tensor.reshape(*shape[: self.axis], self.outer, -1, self.inner, *shape[self.axis + 1 :])
        return units.index_select(self.axis + 1, order).reshape(shape)


#: Symmetries of a model: each is a list of axes with one common order.
Symmetries = list[list[Axis]]


def permute(state: State, symmetry: Sequence[Axis], order: Tensor) -> dict[str, Tensor]:
    """The state with the axes of one symmetry in another order, (n,)."""
    permuted = dict(state)
    for axis in symmetry:
        permuted[axis.name] = axis.permute(permuted[axis.name], order)
    return permuted


def symmetries(model: Model) -> Symmetries:
    """The symmetries of a model. InputError for a family that has no list here."""
    family = str(model.config.encoder["family"])
    if family not in FAMILIES:
        raise InputError(f"git re-basin does not support encoders of the family {family!r}; wanted one of {', '.join(FAMILIES)}")
    found = _blocks(model.encoder)
    if (of_family := FAMILIES[family]) is not None:
        found += of_family(model.encoder)
    found = [[Axis(f"encoder.{axis.name}", axis.axis, axis.outer, axis.inner) for axis in each] for each in found]
    if isinstance(model.projection, ReluProjection):
        found.append(_hidden("projection.first", "projection.second"))
    return found


def _hidden(widen: str, narrow: str, *, parts: int = 1, bias: bool = True) -> list[Axis]:
    """Hidden units between two linear layers. parts: layers that `widen` holds one after the other, as the two of a SwiGLU."""
    biases = [Axis(f"{widen}.bias", 0, parts)] if bias else []
    return [Axis(f"{widen}.weight", 0, parts), *biases, Axis(f"{narrow}.weight", 1)]


def _heads(qkv: str, out: str, *, width: int, heads: int, bias: bool = True) -> list[Axis]:
    """Heads of an attention whose queries, keys and values come from one layer."""
    biases = [Axis(f"{qkv}.bias", 0, 3, width // heads)] if bias else []
    return [Axis(f"{qkv}.weight", 0, 3, width // heads), *biases, Axis(f"{out}.weight", 1, 1, width // heads)]


def _blocks(encoder: nn.Module) -> Symmetries:
    """Hidden units and heads of all transformer blocks. Heads that share a relative position bias between blocks stay in place."""
    found: Symmetries = []
    shared = any(isinstance(module, RelativePositions) for module in encoder.modules())
    for name, module in encoder.named_modules():
        if isinstance(module, Block):
            found.append(_hidden(f"{name}.widen", f"{name}.narrow"))
            if not shared:
                attention = module.attention
                width = attention.out.in_features
                found.append(_heads(f"{name}.attention.qkv", f"{name}.attention.out", width=width, heads=attention.heads))
        elif isinstance(module, GatedBlock):
            found.append(_hidden(f"{name}.widen", f"{name}.narrow", parts=2, bias=False))
            found.append(_heads(f"{name}.qkv", f"{name}.out", width=module.out.in_features, heads=module.heads, bias=False))
    return found


def _outputs(name: str) -> list[Axis]:
    """Output channels of a ConvNorm."""
    return [Axis(f"{name}.conv.weight", 0), *_norm(f"{name}.norm")]


def _norm(name: str) -> list[Axis]:
    return [Axis(f"{name}.{part}", 0) for part in ("weight", "bias", "running_mean", "running_var")]


def _inputs(name: str) -> Axis:
    """Input channels of a ConvNorm without groups."""
    return Axis(f"{name}.conv.weight", 1)


def _chain(names: Sequence[str]) -> Symmetries:
    """Channels between each ConvNorm and the next one."""
    return [[*_outputs(name), _inputs(following)] for name, following in itertools.pairwise(names)]


def _convolutional(encoder: nn.Module) -> Symmetries:
    assert isinstance(encoder, ConvEncoder)
    names = ["stem", "quarter", *(f"deep.{index}" for index in range(len(encoder.deep)))]
    found = _chain(names)
    found[1].append(Axis("fine.weight", 1, 1, encoder.config.mels // 4))
    return [*found, [*_outputs(names[-1]), Axis("wide.weight", 1, 1, encoder.config.mels // 32)]]


def _cnn14(encoder: nn.Module) -> Symmetries:
    assert isinstance(encoder, Cnn14)
    names = [name for name, module in encoder.named_modules() if isinstance(module, ConvNorm)]
    found = _chain(names)
    if encoder.config.decision != "none":
        found.append([*_outputs(names[-1]), Axis("head.embed.weight", 1)])
    return found


def _gated(encoder: nn.Module) -> Symmetries:
    assert isinstance(encoder, Gated)
    names = [f"stem.{index}" for index in range(len(encoder.stem))]
    found = _chain(names)
    return [*found, [*_outputs(names[-1]), Axis("tokens.weight", 1, 1, encoder.config.mels // 32)]]


def _mobilenet(encoder: nn.Module) -> Symmetries:
    """Inner channels of each block, and the channels between blocks, which residual connections share."""
    assert isinstance(encoder, MobileNet)
    between, found = [*_outputs("stem")], []
    for name, block in encoder.blocks.items():
        place = f"blocks.{name}"
        inner = [*_outputs(f"{place}.depthwise"), _inputs(f"{place}.project")]
        if block.squeeze is not None:
            squeeze, width = f"{place}.squeeze", [Axis(f"{place}.squeeze.widen.weight", 0), Axis(f"{place}.squeeze.widen.bias", 0)]
            inner += [Axis(f"{squeeze}.narrow.weight", 1), *width]
            found.append(_hidden(f"{squeeze}.narrow", f"{squeeze}.widen"))
        if block.expand is None:
            between += inner
        else:
            between.append(_inputs(f"{place}.expand"))
            found.append([*_outputs(f"{place}.expand"), *inner])
        if block.residual:
            between += _outputs(f"{place}.project")
        else:
            found.append(between)
            between = [*_outputs(f"{place}.project")]
    found.append([*between, _inputs("last")])
    return [*found, _hidden("head.hidden", "head.label")] if encoder.config.head == "mlp" else found


def _convnext(encoder: nn.Module) -> Symmetries:
    assert isinstance(encoder, ConvNext)
    places = [f"stages.{stage}.{block}" for stage, blocks in enumerate(encoder.stages) for block in range(len(blocks))]  # type: ignore[arg-type]
    return [_hidden(f"{place}.widen", f"{place}.narrow") for place in places]


def _whisper(encoder: nn.Module) -> Symmetries:
    return [[Axis("conv1.weight", 0), Axis("conv1.bias", 0), Axis("conv2.weight", 1)]]


#: Supported families: a function to symmetries outside transformer blocks, None where there are none.
FAMILIES: Mapping[str, Callable[[nn.Module], Symmetries] | None] = {
    "convolutional": _convolutional,
    "cnn14": _cnn14,
    "mobilenet": _mobilenet,
    "convnext": _convnext,
    "gated": _gated,
    "vit": None,
    "whisper": _whisper,
    "beats": None,
    "speech": None,
}
