"""SSAST (YuanGongND/ssast, BSD-3): pretrained on patches or on frames; tensors of pretraining are ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats.ast import published_name, trunk_rules, trunk_sizes
from auricle.models.convert.rules import Ignore, Rule

_BANDS, _LENGTHS = 128, (1024, 512, 128)
_STRIDES = (16, 10, 12, 14)


def _kernel(checkpoint: Checkpoint) -> tuple[int, ...]:
    """Patch size (frequency, time) of the checkpoint; empty where it has none."""
    kernel = checkpoint.tensors.get(published_name(checkpoint, "v.patch_embed.proj.weight"))
    return () if kernel is None or kernel.shape[1] != 1 else tuple(kernel.shape[2:])


def _has_patches(checkpoint: Checkpoint) -> bool:
    """Checkpoints with square patches differ from those of AST by the parameters for the input size of pretraining."""
    return _kernel(checkpoint) == (16, 16) and published_name(checkpoint, "p_input_fdim") in checkpoint.tensors


def _has_frames(checkpoint: Checkpoint) -> bool:
    return _kernel(checkpoint) == (128, 2)


def _layout(checkpoint: Checkpoint) -> tuple[tuple[int, int], tuple[int, int]]:
    """Stride and grid of the patches, both (time, frequency). Patches of pretraining do not overlap."""
    count = checkpoint.tensors[published_name(checkpoint, "v.pos_embed")].shape[1] - 2
    if _has_frames(checkpoint):
        return (2 if count in (512, 256, 64) else 1, _BANDS), (count, 1)
    stride, grid = shared.square_grid(count, bands=_BANDS, patch=16, strides=_STRIDES)
    return (stride, stride), grid


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    stride, grid = _layout(checkpoint)
    bands, patch = _kernel(checkpoint)
    frames = shared.input_frames(grid[0], patch=patch, stride=stride[0], usual=_LENGTHS)
    sizes = trunk_sizes(checkpoint)
    return {
        "frontend": shared.frontend_of_head(sizes["labels"], frames),
        "window": frames / 100,
        "policy": "any",
        "encoder": {**sizes, "patch": [patch, bands], "stride": [*stride], "frames": frames, "pooling": "patches"},
        "dim": sizes["width"],
        "labels": shared.default_labels(sizes["labels"]) if sizes["labels"] else (),
        **shared.head_activation(sizes["labels"]),
    }


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    return [
        *trunk_rules(_layout(checkpoint)[1]),
        Ignore(r"(?:module\.)?[cg]predlayer\..+", "prediction heads of pretraining"),
        Ignore(r"(?:module\.)?mask_embed", "mask token of pretraining"),
        Ignore(r"(?:module\.)?p_input_[ft]dim", "input size of pretraining, which follows from the position table"),
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


FORMATS = (_format("patch", _has_patches), _format("frame", _has_frames))
