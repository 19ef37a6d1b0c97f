"""What key maps of transformer encoders share: names of blocks in, ours out, and sizes read from shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from auricle.core.audioset import labels as audioset
from auricle.core.config import Activation
from auricle.core.errors import ModelError
from auricle.models.convert.rules import Join, Rename, Rule


def part(published: str, ours: str) -> Rename:
    """Weight and bias of one layer. Both names may hold groups."""
    groups = re.compile(published).groups
    return Rename(rf"{published}\.(weight|bias)", rf"{ours}.\{groups + 1}")


def block(prefix: str, names: Mapping[str, str], *, ours: str = r"encoder.blocks.\1") -> list[Rule]:
    """Layers of a numbered block. prefix: pattern with one group, the number. names: published name -> ours."""
    return [part(prefix + re.escape(published), f"{ours}.{name}") for published, name in names.items()]


def three_in_one(prefix: str, names: Sequence[str], *, ours: str = r"encoder.blocks.\1.attention.qkv") -> list[Rule]:
    """Query, key and value, published apart, become one layer. names: theirs, in this order."""
    return [Join(tuple(rf"{prefix}{re.escape(name)}\.{kind}" for name in names), f"{ours}.{kind}") for kind in ("weight", "bias")]


def keyless_bias(parts: Sequence[Tensor]) -> Tensor:
    """Biases of query and value to one of query, key and value; the key's is zero, which is no bias."""
    query, value = parts
    return torch.cat([query, torch.zeros_like(query), value])


def unweight(parts: Sequence[Tensor]) -> Tensor:
    """Length and direction of weight norm over the kernel's places (1, 1, K), (C, C', K) to the weight itself (C, C', K)."""
    length, direction = parts
    norm: Tensor = torch.linalg.vector_norm(direction, dim=(0, 1), keepdim=True)
    return direction * (length / norm)


def halve_gate(tensor: Tensor) -> Tensor:
    """Eight outputs (8, ...), the first four of which are added up to one gate and the last four to another, to those two (2, ...)."""
    return tensor.reshape(2, 4, *tensor.shape[1:]).sum(dim=1)


def time_first(grid: tuple[int, int], leading: int) -> Callable[[Tensor], Tensor]:
    """A table of positions (1, leading + F * T, D) with frequency in the outer order to one with time there. grid: (time, frequency)."""

    def change(table: Tensor) -> Tensor:
        patches = table[:, leading:].reshape(1, grid[1], grid[0], -1).transpose(1, 2).flatten(1, 2)
        return torch.cat([table[:, :leading], patches], dim=1)

    return change


def turned(kernel: Tensor) -> Tensor:
    """A patch kernel (D, 1, F, T) to (D, 1, T, F)."""
    return kernel.transpose(2, 3).contiguous()


def tokens(parts: Sequence[Tensor]) -> Tensor:
    """Leading tokens, each (1, 1, D), to (1, n, D)."""
    return torch.cat(list(parts), dim=1)


def depth(names: Mapping[str, Tensor], pattern: str) -> int:
    """Number of blocks: one more than the highest number in the names that match."""
    found = [int(match.group(1)) for name in names if (match := re.match(pattern, name)) is not None]
    if not found:
        raise ModelError(f"no tensor is named like {pattern}; the checkpoint is cut, or not of this format")
    return max(found) + 1


def square_grid(patches: int, *, bands: int, patch: int, strides: Sequence[int]) -> tuple[int, tuple[int, int]]:
    """The stride, and the grid (time, frequency), of so many square patches over so many bands, of the strides that were published."""
    for stride in strides:
        rows = (bands - patch) // stride + 1
        if patches % rows == 0:
            return stride, (patches // rows, rows)
    raise ModelError(f"{patches} positions fit no grid of patches over {bands} bands with a stride of {', '.join(map(str, strides))}")


def frames_of(times: int, *, patch: int, stride: int, usual: Sequence[int]) -> int:
    """Frames that give so many patches along time: the usual number among those that do, or else the fewest."""
    fewest = patch + (times - 1) * stride
    return next((frames for frames in usual if fewest <= frames < fewest + stride), fewest)


#: What the code of AST, Audio-MAE, HTS-AT and EfficientAT trains heads of so many labels with: binary cross-entropy for AudioSet (527) and,
#: with targets that are one for one label, for Speech Commands (35); cross-entropy for ESC-50 (50).
_ACTIVATIONS: Mapping[int, Activation] = {527: "sigmoid", 35: "sigmoid", 50: "softmax"}


def activation(count: int, own: Mapping[int, Activation] | None = None) -> dict[str, Activation]:
    """The field `activation` of the settings of a head of so many labels; empty where it is not known. own: counts of one repository."""
    known = {**_ACTIVATIONS, **(own or {})}
    return {"activation": known[count]} if count in known else {}


#: Labels and frames of the heads that AST and SSAST tune to other corpora -> the front-end with that corpus's statistics (egs/ of both).
_TUNED = {(50, 512): "kaldi-ast-esc50", (35, 128): "kaldi-ast-commands"}


def tuned(labels: int, frames: int) -> str:
    """The front-end of a checkpoint of AST or SSAST, which holds no statistics: AudioSet's unless its head is one of another corpus."""
    return _TUNED.get((labels, frames), "kaldi-ast")


def named(count: int) -> tuple[str, ...]:
    """Labels of a head of so many outputs that does not name them: AudioSet's where there are as many, or else their numbers."""
    return audioset() if count == len(audioset()) else tuple(f"output {place}" for place in range(count))
