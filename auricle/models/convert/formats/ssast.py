"""SSAST as published (YuanGongND/ssast, BSD-3): pretrained on patches or on frames, with what only its pretraining needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats.ast import plain, trunk_rules, trunk_sizes
from auricle.models.convert.rules import Ignore, Rule

_BANDS, _LENGTHS = 128, (1024, 512, 128)
_STRIDES = (16, 10, 12, 14)


def _kernel(checkpoint: Checkpoint) -> tuple[int, ...]:
    """Patch of the checkpoint: (frequency, time); empty where it has none."""
    found = checkpoint.tensors.get(plain(checkpoint, "v.patch_embed.proj.weight"))
    return () if found is None or found.shape[1] != 1 else tuple(found.shape[2:])


def _patches(checkpoint: Checkpoint) -> bool:
    """Square patches are told from AST's by the parameters in which pretraining keeps its input's size."""
    return _kernel(checkpoint) == (16, 16) and plain(checkpoint, "p_input_fdim") in checkpoint.tensors


def _frames(checkpoint: Checkpoint) -> bool:
    return _kernel(checkpoint) == (128, 2)


def _layout(checkpoint: Checkpoint) -> tuple[tuple[int, int], tuple[int, int]]:
    """Stride and grid of the patches, both (time, frequency). Pretraining's patches stand side by side."""
    count = checkpoint.tensors[plain(checkpoint, "v.pos_embed")].shape[1] - 2
    if _frames(checkpoint):
        return (2 if count in (512, 256, 64) else 1, _BANDS), (count, 1)
    stride, grid = shared.square_grid(count, bands=_BANDS, patch=16, strides=_STRIDES)
    return (stride, stride), grid


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    stride, grid = _layout(checkpoint)
    bands, patch = _kernel(checkpoint)
    frames = shared.frames_of(grid[0], patch=patch, stride=stride[0], usual=_LENGTHS)
    sizes = trunk_sizes(checkpoint)
    return {
        "frontend": shared.tuned(sizes["labels"], frames),
        "window": frames / 100,
        "policy": "any",
        "encoder": {**sizes, "patch": [patch, bands], "stride": [*stride], "frames": frames, "pooling": "patches"},
        "dim": sizes["width"],
        "labels": shared.named(sizes["labels"]) if sizes["labels"] else (),
        **shared.activation(sizes["labels"]),
    }


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    return [
        *trunk_rules(_layout(checkpoint)[1]),
        Ignore(r"(?:module\.)?[cg]predlayer\..+", "heads of the pretext tasks: which patch was masked, and what it looked like"),
        Ignore(r"(?:module\.)?mask_embed", "stands for a masked patch in pretraining"),
        Ignore(r"(?:module\.)?p_input_[ft]dim", "size of the pretraining input, which the table of positions tells too"),
    ]


def _format(kind: str, recognise: Callable[[Checkpoint], bool]) -> Format:
    return Format(
        name=f"ssast-{kind}",
        source="YuanGongND/ssast",
        weights="github.com/YuanGongND/ssast",
        recognise=recognise,
        settings=_settings,
        rules=_rules,
    )


FORMATS = (_format("patch", _patches), _format("frame", _frames))
