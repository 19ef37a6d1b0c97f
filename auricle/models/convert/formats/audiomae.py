"""Audio-MAE's checkpoints (facebookresearch/AudioMAE, CC BY-NC 4.0): fine-tuned with a head, or pretrained with a decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats.ast import TIMM
from auricle.models.convert.rules import Ignore, Rename, Rule

_BANDS, _PATCH, _LENGTHS = 128, 16, (1024, 512, 128)


def _trunk(checkpoint: Checkpoint) -> bool:
    kernel = checkpoint.tensors.get("patch_embed.proj.weight")
    return kernel is not None and tuple(kernel.shape[1:]) == (1, 16, 16) and checkpoint.has("cls_token", "pos_embed")


def _tuned(checkpoint: Checkpoint) -> bool:
    return _trunk(checkpoint) and checkpoint.has("fc_norm.weight", "head.weight")


def _pretrained(checkpoint: Checkpoint) -> bool:
    return _trunk(checkpoint) and checkpoint.has("mask_token", "decoder_pred.weight", "norm.weight")


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    tensors = checkpoint.tensors
    width = tensors["cls_token"].shape[2]
    stride, grid = shared.square_grid(tensors["pos_embed"].shape[1] - 1, bands=_BANDS, patch=_PATCH, strides=(16, 10))
    frames = shared.frames_of(grid[0], patch=_PATCH, stride=stride, usual=_LENGTHS)
    labels = tensors["head.weight"].shape[0] if _tuned(checkpoint) else 0
    return {
        "frontend": "kaldi-ast",
        "window": frames / 100,
        "policy": "any",
        "encoder": {
            "family": "vit",
            "width": width,
            "depth": shared.depth(tensors, r"blocks\.(\d+)\."),
            "heads": max(1, width // 64),
            "hidden": tensors["blocks.0.mlp.fc1.weight"].shape[0],
            "leading": 1,
            "stride": [stride, stride],
            "frames": frames,
            "positions": "sincos",
            "pooling": "patches",
            "norm": "after" if _tuned(checkpoint) else "before",
            "head": "linear",
            "labels": labels,
        },
        "dim": width,
        "labels": shared.named(labels) if labels else (),
        **shared.activation(labels),
    }


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    return [
        *shared.block(r"blocks\.(\d+)\.", TIMM),
        shared.part(r"patch_embed\.proj", "encoder.patches.conv"),  # over (time, frequency) already
        Rename("cls_token", "encoder.leading"),
        Rename("pos_embed", "encoder.positions.table"),
        shared.part("fc_norm" if _tuned(checkpoint) else "norm", "encoder.norm"),
        shared.part("head", "encoder.head"),
        Ignore(r"mask_token|decoder_.+", "the decoder that pretraining draws masked patches with"),
    ]


FORMATS = (
    Format(
        name="audiomae",
        source="facebookresearch/AudioMAE",
        weights="github.com/facebookresearch/AudioMAE",
        recognise=_tuned,
        settings=_settings,
        rules=_rules,
    ),
    Format(
        name="audiomae-pretrained",
        source="facebookresearch/AudioMAE",
        weights="github.com/facebookresearch/AudioMAE",
        recognise=_pretrained,
        settings=_settings,
        rules=_rules,
    ),
)
