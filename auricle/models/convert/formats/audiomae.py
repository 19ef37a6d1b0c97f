"""Audio-MAE (facebookresearch/AudioMAE, CC BY-NC 4.0): fine-tuned with a head, or pretrained with a decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats.ast import TIMM
from auricle.models.convert.rules import Ignore, Rename, Rule

_BANDS, _PATCH, _LENGTHS = 128, 16, (1024, 512, 128)


def _has_trunk(checkpoint: Checkpoint) -> bool:
    kernel = checkpoint.tensors.get("patch_embed.proj.weight")
    return kernel is not None and tuple(kernel.shape[1:]) == (1, 16, 16) and checkpoint.has("cls_token", "pos_embed")


def _is_finetuned(checkpoint: Checkpoint) -> bool:
    return _has_trunk(checkpoint) and checkpoint.has("fc_norm.weight", "head.weight")


def _is_pretrained(checkpoint: Checkpoint) -> bool:
    return _has_trunk(checkpoint) and checkpoint.has("mask_token", "decoder_pred.weight", "norm.weight")


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    tensors = checkpoint.tensors
    width = tensors["cls_token"].shape[2]
    stride, grid = shared.square_grid(tensors["pos_embed"].shape[1] - 1, bands=_BANDS, patch=_PATCH, strides=(16, 10))
    frames = shared.input_frames(grid[0], patch=_PATCH, stride=stride, usual=_LENGTHS)
    labels = tensors["head.weight"].shape[0] if _is_finetuned(checkpoint) else 0
    return {
        "frontend": "kaldi-ast",
        "window": frames / 100,
        "policy": "any",
        "encoder": {
            "family": "vit",
            "width": width,
            "depth": shared.count_blocks(tensors, r"blocks\.(\d+)\."),
            "heads": max(1, width // 64),
            "hidden": tensors["blocks.0.mlp.fc1.weight"].shape[0],
            "leading": 1,
            "stride": [stride, stride],
            "frames": frames,
            "positions": "sincos",
            "pooling": "patches",
            "norm": "after" if _is_finetuned(checkpoint) else "before",
            "head": "linear",
            "labels": labels,
        },
        "dim": width,
        "labels": shared.default_labels(labels) if labels else (),
        **shared.head_activation(labels),
    }


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    return [
        *shared.block(r"blocks\.(\d+)\.", TIMM),
        shared.layer(r"patch_embed\.proj", "encoder.patches.conv"),  # already (time, frequency)
        Rename("cls_token", "encoder.leading"),
        Rename("pos_embed", "encoder.positions.table"),
        shared.layer("fc_norm" if _is_finetuned(checkpoint) else "norm", "encoder.norm"),
        shared.layer("head", "encoder.head"),
        Ignore(r"mask_token|decoder_.+", "decoder of pretraining"),
    ]


FORMATS = (
    Format(
        name="audiomae",
        source="facebookresearch/AudioMAE",
        weights="github.com/facebookresearch/AudioMAE",
        recognise=_is_finetuned,
        settings=_settings,
        rules=_rules,
    ),
    Format(
        name="audiomae-pretrained",
        source="facebookresearch/AudioMAE",
        weights="github.com/facebookresearch/AudioMAE",
        recognise=_is_pretrained,
        settings=_settings,
        rules=_rules,
    ),
)
