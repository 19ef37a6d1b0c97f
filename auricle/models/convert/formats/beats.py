"""BEATs (microsoft/unilm beats/, MIT): the file has its sizes in `cfg` and its labels in `label_dict`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auricle.core import audioset
from auricle.core.errors import ModelError
from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.rules import Ignore, Join, Rename, Rule

_LAYER = r"encoder\.layers\.(\d+)\."
_NAMES = {
    "self_attn_layer_norm": "norm1",
    "self_attn.out_proj": "attention.out",
    "final_layer_norm": "norm2",
    "fc1": "widen",
    "fc2": "narrow",
}


def _recognise(checkpoint: Checkpoint) -> bool:
    """The acoustic tokenizers of BEATs have the same trunk and a codebook: they are not recognised."""
    trunk = checkpoint.has("patch_embedding.weight", "encoder.pos_conv.0.weight_v", "encoder.layers.0.self_attn.q_proj.weight")
    return trunk and not any(name.startswith("quantize") for name in checkpoint.tensors)


def _cfg(checkpoint: Checkpoint) -> Mapping[str, Any]:
    cfg = checkpoint.meta.get("cfg")
    if not isinstance(cfg, Mapping):
        raise ModelError(f"{checkpoint.path}: has no `cfg` with the sizes of BEATs; wanted the file as published")
    activation = cfg.get("activation_fn", "gelu")
    if activation != "gelu":
        raise ModelError(f"{checkpoint.path}: its activation is {activation!r}; wanted 'gelu', as in every published BEATs")
    return cfg


def _sizes(checkpoint: Checkpoint) -> dict[str, Any]:
    """Settings of the encoder. Defaults are those of BEATsConfig in the published code."""
    cfg, tensors = _cfg(checkpoint), checkpoint.tensors
    patches = tensors["patch_embedding.weight"]
    positions = tensors["encoder.pos_conv.0.weight_v"]
    scores = tensors.get("encoder.layers.0.self_attn.relative_attention_bias.weight")
    head = tensors.get("predictor.weight")
    return {
        "family": "beats",
        "patch": patches.shape[2],
        "patch_bias": "patch_embedding.bias" in tensors,
        "embedding": patches.shape[0],
        "width": positions.shape[0],
        "depth": shared.count_blocks(tensors, _LAYER),
        "heads": cfg.get("encoder_attention_heads", 12),
        "hidden": tensors["encoder.layers.0.fc1.weight"].shape[0],
        "first": cfg.get("layer_norm_first", False),
        "deep": cfg.get("deep_norm", False),
        "conv": positions.shape[2],
        "groups": positions.shape[0] // positions.shape[1],
        "buckets": 0 if scores is None else scores.shape[0],
        "farthest": cfg.get("max_distance", 1280),
        "gated": "encoder.layers.0.self_attn.grep_a" in tensors,
        "labels": 0 if head is None else head.shape[0],
    }


def _labels(checkpoint: Checkpoint, count: int) -> tuple[str, ...]:
    """Labels of the head: `label_dict` maps each output to its AudioSet id, in its own order."""
    ids = checkpoint.meta.get("label_dict")
    if not isinstance(ids, Mapping) or len(ids) != count:
        return tuple(f"output {index}" for index in range(count))
    by_id = dict(zip(audioset.ids(), audioset.labels(), strict=True))
    by_index = {int(index): str(label) for index, label in ids.items()}
    return tuple(by_id.get(by_index[index], by_index[index]) for index in sorted(by_index))


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    sizes = _sizes(checkpoint)
    return {
        "frontend": "kaldi-beats",
        "window": 10.0,
        "policy": "any",
        "encoder": sizes,
        "dim": sizes["width"],
        "labels": _labels(checkpoint, sizes["labels"]),
        "activation": "sigmoid",  # as in BEATs.extract_features, for every head
    }


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    attention = r"encoder.trunk.blocks.\1.attention"
    return [
        shared.layer(r"patch_embedding", "encoder.patches.conv"),
        shared.layer(r"layer_norm", "encoder.norm"),
        shared.layer(r"post_extract_proj", "encoder.project"),
        Join(
            (r"encoder\.pos_conv\.0\.weight_g", r"encoder\.pos_conv\.0\.weight_v"),
            "encoder.trunk.place.conv.weight",
            shared.fold_weight_norm,
        ),
        Rename(r"encoder\.pos_conv\.0\.bias", "encoder.trunk.place.conv.bias"),
        shared.layer(r"encoder\.layer_norm", "encoder.trunk.norm"),
        *shared.block(_LAYER, _NAMES, ours=r"encoder.trunk.blocks.\1"),
        *shared.join_qkv(_LAYER, [f"self_attn.{kind}_proj" for kind in "qkv"], ours=rf"{attention}.qkv"),
        Rename(rf"{_LAYER}self_attn\.grep_linear\.(weight|bias)", rf"{attention}.gate.linear.\2", shared.sum_gate),
        Rename(rf"{_LAYER}self_attn\.grep_a", rf"{attention}.gate.scale", lambda scale: scale[0]),
        Rename(r"encoder\.layers\.0\.self_attn\.relative_attention_bias\.weight", "encoder.trunk.relative.scores.weight"),
        Ignore(r"encoder\.layers\.\d+\.self_attn\.relative_attention_bias\.weight", "copy of the first layer's table"),
        shared.layer(r"predictor", "encoder.head"),
    ]


FORMATS = (
    Format(
        name="beats",
        source="microsoft/unilm",
        weights="github.com/microsoft/unilm/tree/master/beats",
        recognise=_recognise,
        settings=_settings,
        rules=_rules,
    ),
)
