"""AST: the original format (YuanGongND/ast, BSD-3) and that of transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auricle.core import audioset
from auricle.core.config import Activation
from auricle.core.errors import ModelError
from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.hf_config import ConfigKeys, ExtractorKeys
from auricle.models.convert.rules import Ignore, Join, Rename, Rule

#: Statistics of AudioSet with which the front-end normalises: YuanGongND/ast egs/audioset/run.sh.
_MEAN, _DEVIATION = -4.2677393, 4.5689974
_V = r"(?:module\.)?v\."
#: Published strides and lengths: README and egs/ of YuanGongND/ast.
_STRIDES, _LENGTHS = (10, 12, 14, 16), (1024, 512, 128)

#: Layers of a block in timm -> ours.
TIMM = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attn.qkv": "attention.qkv",
    "attn.proj": "attention.out",
    "mlp.fc1": "widen",
    "mlp.fc2": "narrow",
}


def trunk_rules(grid: tuple[int, int]) -> list[Rule]:
    """Key map of `v.*`, a distilled DeiT of timm 0.4.5 over (frequency, time). grid: (time, frequency)."""
    return [
        *shared.block(rf"{_V}blocks\.(\d+)\.", TIMM),
        Rename(rf"{_V}patch_embed\.proj\.weight", "encoder.patches.conv.weight", shared.transpose_kernel),
        Rename(rf"{_V}patch_embed\.proj\.bias", "encoder.patches.conv.bias"),
        Join((rf"{_V}cls_token", rf"{_V}dist_token"), "encoder.leading", shared.concatenate_tokens),
        Rename(rf"{_V}pos_embed", "encoder.positions.table", shared.time_major(grid, 2)),
        shared.layer(rf"{_V}norm", "encoder.norm"),
        Ignore(rf"{_V}head(_dist)?\.(weight|bias)", "ImageNet head of timm's module, not used"),
        Rename(r"(?:module\.)?mlp_head\.([01])\.(weight|bias)", r"encoder.head.\1.\2"),
    ]


def published_name(checkpoint: Checkpoint, name: str) -> str:
    """Name of a tensor in the checkpoint, with the prefix 'module.' of DataParallel if it has one."""
    return f"module.{name}" if f"module.{name}" in checkpoint.tensors else name


def trunk_sizes(checkpoint: Checkpoint) -> dict[str, Any]:
    """Sizes of `v.*`. Heads of DeiT are 64 wide, which does not follow from shapes."""
    tensors = checkpoint.tensors
    width = tensors[published_name(checkpoint, "v.patch_embed.proj.weight")].shape[0]
    head = tensors.get(published_name(checkpoint, "mlp_head.1.weight"))
    return {
        "family": "vit",
        "width": width,
        "depth": shared.count_blocks(tensors, rf"{_V}blocks\.(\d+)\."),
        "heads": max(1, width // 64),
        "hidden": tensors[published_name(checkpoint, "v.blocks.0.mlp.fc1.weight")].shape[0],
        "labels": 0 if head is None else head.shape[0],
    }


def _recognise(checkpoint: Checkpoint) -> bool:
    kernel = checkpoint.tensors.get(published_name(checkpoint, "v.patch_embed.proj.weight"))
    pretext = published_name(checkpoint, "p_input_fdim") in checkpoint.tensors
    return kernel is not None and tuple(kernel.shape[1:]) == (1, 16, 16) and not pretext


def _grid(checkpoint: Checkpoint) -> tuple[int, tuple[int, int]]:
    patches = checkpoint.tensors[published_name(checkpoint, "v.pos_embed")].shape[1] - 2
    return shared.square_grid(patches, bands=128, patch=16, strides=_STRIDES)


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    stride, grid = _grid(checkpoint)
    frames = shared.input_frames(grid[0], patch=16, stride=stride, usual=_LENGTHS)
    sizes = trunk_sizes(checkpoint)
    return {
        "frontend": shared.frontend_of_head(sizes["labels"], frames),
        "window": frames / 100,
        "policy": "any",  # features are padded, as published, and not the waveform
        "encoder": {**sizes, "stride": [stride, stride], "frames": frames},
        "dim": sizes["width"],
        "labels": shared.default_labels(sizes["labels"]) if sizes["labels"] else (),
        **shared.head_activation(sizes["labels"]),
    }


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    return trunk_rules(_grid(checkpoint)[1])


#: config.json of transformers: ASTConfig.
CONFIG = ConfigKeys(
    read=frozenset(
        {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "layer_norm_eps", "patch_size", "frequency_stride"}
        | {"time_stride", "max_length", "id2label", "problem_type"}
    ),
    required={"hidden_act": "gelu", "qkv_bias": True, "num_mel_bins": 128},
    irrelevant=frozenset({"hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range", "label2id"}),
)
#: preprocessor_config.json: ASTFeatureExtractor. It pads with zeros and ignores padding_value.
EXTRACTOR = ExtractorKeys(
    read=frozenset({"do_normalize", "mean", "std", "max_length"}),
    required={"feature_extractor_type": "ASTFeatureExtractor", "sampling_rate": 16000, "num_mel_bins": 128},
    irrelevant=frozenset({"feature_size", "padding_value"}),
)
_MAX_FRAMES = 1024  # of the front-end

_HUB = r"(?:audio_spectrogram_transformer\.)?"
#: Prefix, layers and query, key and value of a block in transformers: of the published folders, and since version 5.
_BLOCKS: tuple[tuple[str, Mapping[str, str], tuple[str, str, str]], ...] = (
    (
        rf"{_HUB}encoder\.layer\.(\d+)\.",
        {
            "layernorm_before": "norm1",
            "layernorm_after": "norm2",
            "attention.output.dense": "attention.out",
            "intermediate.dense": "widen",
            "output.dense": "narrow",
        },
        ("attention.attention.query", "attention.attention.key", "attention.attention.value"),
    ),
    (
        rf"{_HUB}layers\.(\d+)\.",
        {
            "layernorm_before": "norm1",
            "layernorm_after": "norm2",
            "attention.o_proj": "attention.out",
            "mlp.fc1": "widen",
            "mlp.fc2": "narrow",
        },
        ("attention.q_proj", "attention.k_proj", "attention.v_proj"),
    ),
)


def _hub(checkpoint: Checkpoint, name: str) -> Any:
    return checkpoint.tensors.get(f"audio_spectrogram_transformer.{name}", checkpoint.tensors.get(name))


def _hub_recognise(checkpoint: Checkpoint) -> bool:
    kernel = _hub(checkpoint, "embeddings.patch_embeddings.projection.weight")
    return _hub(checkpoint, "embeddings.distillation_token") is not None and kernel is not None and kernel.shape[1] == 1


def _hub_sizes(checkpoint: Checkpoint) -> dict[str, Any]:
    config = checkpoint.config
    CONFIG.check(checkpoint.path / "config.json", config)
    if not isinstance(config.get("patch_size", 16), int):
        raise ModelError(f"{checkpoint.path}: patch_size is {config['patch_size']!r}; wanted one number, the side of a square")
    frames = config.get("max_length", _MAX_FRAMES)
    if frames > _MAX_FRAMES:
        raise ModelError(f"{checkpoint.path}: max_length is {frames}; wanted at most {_MAX_FRAMES}, the frames of AST's front-end")
    width = _hub(checkpoint, "embeddings.cls_token").shape[2]
    head = checkpoint.tensors.get("classifier.dense.weight")
    patch, epsilon = config.get("patch_size", 16), config.get("layer_norm_eps", 1e-12)
    file, extractor = checkpoint.feature_extractor()
    EXTRACTOR.check(file, extractor, max_length=frames)
    deviation = extractor.get("std", _DEVIATION) if extractor.get("do_normalize", True) else 0.5
    mean = extractor.get("mean", _MEAN) if extractor.get("do_normalize", True) else 0.0
    hidden = _hub(checkpoint, "layers.0.mlp.fc1.weight")
    hidden = _hub(checkpoint, "encoder.layer.0.intermediate.dense.weight") if hidden is None else hidden
    return {
        "family": "vit",
        "width": width,
        "depth": shared.count_blocks(checkpoint.tensors, rf"{_HUB}(?:encoder\.layer|layers)\.(\d+)\."),
        "heads": config.get("num_attention_heads", max(1, width // 64)),
        "hidden": hidden.shape[0],
        "patch": [patch, patch],
        "stride": [config.get("time_stride", 10), config.get("frequency_stride", 10)],
        "frames": frames,
        "bands": config.get("num_mel_bins", 128),
        "epsilon": epsilon,
        "head_epsilon": epsilon,
        "scale": _DEVIATION / deviation,
        "shift": (_MEAN - mean) / (2 * deviation),
        "labels": 0 if head is None else head.shape[0],
    }


def _hub_settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    sizes = _hub_sizes(checkpoint)
    names = checkpoint.config.get("id2label", {})
    count = sizes["labels"]
    labels = tuple(str(names[str(index)]) for index in range(count)) if len(names) == count else shared.default_labels(count)
    return {
        "frontend": "kaldi-ast",
        "window": sizes["frames"] / 100,
        "policy": "any",
        "encoder": sizes,
        "dim": sizes["width"],
        "labels": labels if count else (),
        "activation": _hub_activation(checkpoint, labels),
    }


def _hub_activation(checkpoint: Checkpoint, labels: tuple[str, ...]) -> Activation:
    """As in the pipeline of transformers, except that AudioSet's head, whose config has no problem_type, is multi-label."""
    problem = checkpoint.config.get("problem_type")
    if problem == "multi_label_classification" or (problem is None and labels == audioset.labels()):
        return "sigmoid"
    if problem in (None, "single_label_classification"):
        return "softmax"
    raise ModelError(
        f"{checkpoint.path}: problem_type is {problem!r}; wanted single_label_classification or multi_label_classification, "
        "other heads have no labels"
    )


def _hub_rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    sizes = _hub_sizes(checkpoint)
    rows = (sizes["bands"] - sizes["patch"][1]) // sizes["stride"][1] + 1
    times = (sizes["frames"] - sizes["patch"][0]) // sizes["stride"][0] + 1
    embeddings = rf"{_HUB}embeddings\."
    rules: list[Rule] = [
        Rename(rf"{embeddings}patch_embeddings\.projection\.weight", "encoder.patches.conv.weight", shared.transpose_kernel),
        Rename(rf"{embeddings}patch_embeddings\.projection\.bias", "encoder.patches.conv.bias"),
        Join((rf"{embeddings}cls_token", rf"{embeddings}distillation_token"), "encoder.leading", shared.concatenate_tokens),
        Rename(rf"{embeddings}position_embeddings", "encoder.positions.table", shared.time_major((times, rows), 2)),
        shared.layer(rf"{_HUB}layernorm", "encoder.norm"),
        shared.layer(r"classifier\.layernorm", "encoder.head.0"),
        shared.layer(r"classifier\.dense", "encoder.head.1"),
    ]
    for prefix, names, three in _BLOCKS:
        rules += [*shared.block(prefix, names), *shared.join_qkv(prefix, three)]
    return rules


FORMATS = (
    Format(
        name="ast-original",
        source="YuanGongND/ast",
        weights="github.com/YuanGongND/ast",
        recognise=_recognise,
        settings=_settings,
        rules=_rules,
    ),
    Format(
        name="ast-transformers",
        source="huggingface/transformers",
        weights="huggingface.co/MIT/ast-finetuned-audioset-10-10-0.4593",
        recognise=_hub_recognise,
        settings=_hub_settings,
        rules=_hub_rules,
    ),
)
