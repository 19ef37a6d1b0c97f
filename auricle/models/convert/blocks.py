"""Shared parts of the key maps of transformer encoders: rules for blocks, tensor transforms, and sizes from shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from auricle.core.audioset import labels as audioset
from auricle.core.config import Activation
from auricle.core.errors import ModelError
from auricle.models.convert.rules import Join, Rename, Rule


def layer(published: str, ours: str) -> Rename:
    """Rule for weight and bias of one layer. Both names may have regular-expression groups."""
    groups = re.compile(published).groups
    return Rename(rf"{published}\.(weight|bias)", rf"{ours}.\{groups + 1}")


def block(prefix: str, names: Mapping[str, str], *, ours: str = r"encoder.blocks.\1") -> list[Rule]:
    """Rules for the layers of a numbered block. prefix: pattern with one group, the number. names: published name -> ours."""
    return [layer(prefix + re.escape(published), f"{ours}.{name}") for published, name in names.items()]


def join_qkv(prefix: str, names: Sequence[str], *, ours: str = r"encoder.blocks.\1.attention.qkv") -> list[Rule]:
    """Rules that join separate query, key and value layers into one. names: of the three, in this order."""
    return [Join(tuple(rf"{prefix}{re.escape(name)}\.{kind}" for name in names), f"{ours}.{kind}") for kind in ("weight", "bias")]


def qkv_bias_without_key(parts: Sequence[Tensor]) -> Tensor:
    """Biases of query and value to one of query, key and value, with zeros for the key."""
    query, value = parts
    return torch.cat([query, torch.zeros_like(query), value])


def fold_weight_norm(parts: Sequence[Tensor]) -> Tensor:
    """Norm (1, 1, K) and direction (C, C', K) of weight normalisation to the weight (C, C', K)."""
    length, direction = parts
    norm: Tensor = torch.linalg.vector_norm(direction, dim=(0, 1), keepdim=True)
    return direction * (length / norm)


def sum_gate(tensor: Tensor) -> Tensor:
    """Weights (8, ...) of eight outputs that are summed in two groups of four, to those of the two sums (2, ...)."""
    return tensor.reshape(2, 4, *tensor.shape[1:]).sum(dim=1)


def time_major(grid: tuple[int, int], leading: int) -> Callable[[Tensor], Tensor]:
    """Transform of a frequency-major position table (1, leading + F * T, D) to a time-major one. grid: (time, frequency)."""

    def change(table: Tensor) -> Tensor:
        patches = table[:, leading:].reshape(1, grid[1], grid[0], -1).transpose(1, 2).flatten(1, 2)
        return torch.cat([table[:, :leading], patches], dim=1)

    return change


def transpose_kernel(kernel: Tensor) -> Tensor:
    """A patch kernel (D, 1, F, T) to (D, 1, T, F)."""
    return kernel.transpose(2, 3).contiguous()


def concatenate_tokens(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate leading tokens, each (1, 1, D), to (1, n, D)."""
    return torch.cat(list(parts), dim=1)


def count_blocks(names: Mapping[str, Tensor], pattern: str) -> int:
    """Number of blocks: one more than the highest number that the pattern's group matches. ModelError where no name matches."""
    found = [int(match.group(1)) for name in names if (match := re.match(pattern, name)) is not None]
    if not found:
        raise ModelError(f"no tensor name matches {pattern}; the checkpoint is truncated, or not of this format")
    return max(found) + 1


def square_grid(patches: int, *, bands: int, patch: int, strides: Sequence[int]) -> tuple[int, tuple[int, int]]:
    """Stride and grid (time, frequency) of `patches` square patches over `bands` bands. strides: the published ones."""
    for stride in strides:
        rows = (bands - patch) // stride + 1
        if patches % rows == 0:
            return stride, (patches // rows, rows)
    raise ModelError(f"{patches} positions fit no grid of patches over {bands} bands with a stride of {', '.join(map(str, strides))}")


def input_frames(times: int, *, patch: int, stride: int, usual: Sequence[int]) -> int:
    """Number of input frames that give `times` patches along time: a usual one if it fits, else the smallest."""
    fewest = patch + (times - 1) * stride
    return next((frames for frames in usual if fewest <= frames < fewest + stride), fewest)


#: Number of labels -> activation with which AST, Audio-MAE, HTS-AT and EfficientAT train the head: binary cross-entropy for AudioSet (527)
#: and, with one-hot targets, for Speech Commands (35); cross-entropy for ESC-50 (50).
_ACTIVATIONS: Mapping[int, Activation] = {527: "sigmoid", 35: "sigmoid", 50: "softmax"}


def head_activation(count: int, own: Mapping[int, Activation] | None = None) -> dict[str, Activation]:
    """The field `activation` of a head with `count` labels; empty where it is not known. own: further heads of one repository."""
    known = {**_ACTIVATIONS, **(own or {})}
    return {"activation": known[count]} if count in known else {}


#: Labels and frames of heads that AST and SSAST fine-tune on other corpora -> front-end with that corpus's statistics (egs/ of both).
_TUNED = {(50, 512): "kaldi-ast-esc50", (35, 128): "kaldi-ast-commands"}


def frontend_of_head(labels: int, frames: int) -> str:
    """Front-end of a checkpoint of AST or SSAST, which has no statistics: AudioSet's unless the head is that of another corpus."""
    return _TUNED.get((labels, frames), "kaldi-ast")


def default_labels(count: int) -> tuple[str, ...]:
    """Labels of a head without names: AudioSet's if the number fits, else numbers."""
    return audioset() if count == len(audioset()) else tuple(f"output {index}" for index in range(count))
