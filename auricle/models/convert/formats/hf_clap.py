"""CLAP in the format of transformers: ClapModel folders, with or without fusion."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from auricle.core.errors import ModelError
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats import htsat, towers
from auricle.models.convert.hf_config import ConfigKeys, ExtractorKeys
from auricle.models.convert.rules import Ignore, Join, Rename, Rule

_PREFIX = r"audio_model\.audio_encoder\."
_BLOCK = rf"{_PREFIX}layers\.(\d+)\.blocks\.(\d+)\."
_TARGET = r"encoder.stages.\1.blocks.\2."
_PLAIN = "audio_model.audio_encoder."
_TEXT = "text_model."
_LONG = f"{_PLAIN}patch_embed.mel_conv2d.weight"
#: config.json: keys of ClapConfig and of its two parts.
CONFIG = ConfigKeys(
    read=frozenset({"text_config", "audio_config", "projection_dim"}),
    required={"projection_hidden_act": "relu"},
    irrelevant=frozenset({"logit_scale_init_value", "initializer_factor"}),
)
TEXT_CONFIG = ConfigKeys(
    read=frozenset(
        {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings"}
        | {"type_vocab_size", "layer_norm_eps", "projection_dim"}
    ),
    required={"hidden_act": "gelu", "projection_hidden_act": "relu", "pad_token_id": 1, "position_embedding_type": "absolute"},
    irrelevant=frozenset(
        {"hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_factor", "initializer_range", "bos_token_id", "eos_token_id"}
    ),
)
AUDIO_CONFIG = ConfigKeys(
    read=frozenset(
        {"window_size", "num_mel_bins", "spec_size", "hidden_size", "depths", "num_attention_heads", "enable_fusion", "aff_block_r"}
        | {"patch_embeds_hidden_size", "mlp_ratio", "projection_dim"}
    ),
    required={
        "hidden_act": "gelu",
        "projection_hidden_act": "relu",
        "patch_size": 4,
        "patch_stride": [4, 4],
        "patch_embed_input_channels": 1,
        "flatten_patch_embeds": True,
        "enable_patch_layer_norm": True,
        "qkv_bias": True,
        "layer_norm_eps": 1e-5,
    },
    irrelevant=frozenset(
        {"num_classes", "hidden_dropout_prob", "attention_probs_dropout_prob", "drop_path_rate", "initializer_factor", "num_hidden_layers"}
        | {"fusion_type"}  # transformers has one kind of fusion
    ),
)
#: preprocessor_config.json: ClapFeatureExtractor. The weights were trained with these values (the default of transformers for
#: frequency_min is 0, the published folders have 50). The other keys follow from them.
EXTRACTOR = ExtractorKeys(
    read=frozenset({"truncation", "padding", "feature_size"}),
    required={
        "feature_extractor_type": "ClapFeatureExtractor",
        "sampling_rate": 48000,
        "frequency_min": 50,
        "frequency_max": 14000,
        "hop_length": 480,
        "fft_window_size": 1024,
        "max_length_s": 10,
        "nb_max_samples": 480000,
        "padding_value": 0.0,
        "top_db": None,
    },
    irrelevant=frozenset({"chunk_length_s", "n_fft", "nb_frequency_bins", "nb_max_frames"}),
)
#: Padding of a short clip in transformers -> ours.
_PADDINGS = {"repeatpad": "repeatpad", "repeat": "tile", "pad": "zero"}


def _join(part: str) -> Join:
    names = tuple(rf"{_BLOCK}attention\.self\.{name}\.{part}" for name in ("query", "key", "value"))
    return Join(names, f"{_TARGET}attention.qkv.{part}")


_AUDIO: tuple[Rule, ...] = (
    Ignore(rf"{_BLOCK}attention\.self\.relative_position_index", "a table that follows from the sizes"),
    _join("weight"),
    _join("bias"),
    Rename(rf"{_BLOCK}attention\.self\.relative_position_bias_table", f"{_TARGET}attention.bias"),
    Rename(rf"{_BLOCK}attention\.output\.dense\.(\w+)", rf"{_TARGET}attention.proj.\3"),
    Rename(rf"{_BLOCK}layernorm_before\.(\w+)", rf"{_TARGET}norm1.\3"),
    Rename(rf"{_BLOCK}layernorm_after\.(\w+)", rf"{_TARGET}norm2.\3"),
    Rename(rf"{_BLOCK}intermediate\.dense\.(\w+)", rf"{_TARGET}fc1.\3"),
    Rename(rf"{_BLOCK}output\.dense\.(\w+)", rf"{_TARGET}fc2.\3"),
    Rename(rf"{_PREFIX}batch_norm\.(\w+)", r"encoder.bn0.\1"),
    *htsat.fusion(rf"{_PREFIX}patch_embed\.", rf"{_PREFIX}patch_embed\.fusion_model\."),
    *htsat.encoder(_PREFIX),
)


def _projections() -> list[Rule]:
    return [
        Rename(rf"{side}_projection\.{theirs}\.(\w+)", rf"{target}projection.{ours}.\1")
        for side, target in (("audio", ""), ("text", "text."))
        for theirs, ours in (("linear1", "first"), ("linear2", "second"))
    ]


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    scale = Ignore(r"logit_scale_[at]", "stored in the settings")
    return [*_AUDIO, *_projections(), *towers.bert_rules(r"text_model\.", pooler=True), scale]


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    tensors = checkpoint.tensors
    frontend = "laion-fused-hf" if _LONG in tensors else "laion-unfused-hf"
    _, config = towers.bert(tensors, _TEXT)
    text_config = checkpoint.config.get("text_config") or {}
    config |= {
        "layer_norm_eps": text_config.get("layer_norm_eps", 1e-12),
        "num_attention_heads": int(text_config.get("num_attention_heads", config["num_attention_heads"])),
    }
    return {
        "frontend": frontend,
        "window": 10.0,
        "policy": _policy(checkpoint),
        "encoder": _encoder(checkpoint, frontend),
        "dim": int(tensors["audio_projection.linear2.weight"].shape[0]),
        "projection": "relu",
        "text": {
            "family": "roberta",
            "pool": "pooler",
            "config": config,
            "words": {"length": config["max_position_embeddings"] - 2, "pad": config["pad_token_id"]},
            "projection": "relu",
        },
        "prompt": "This is a sound of {label}.",
        "logit_scale": math.exp(towers.scalar(tensors["logit_scale_a"])),
    }


def _encoder(checkpoint: Checkpoint, frontend: str) -> dict[str, Any]:
    """Sizes of the encoder, from tensors renamed to the original code's names."""
    renamed = {}
    for name, tensor in checkpoint.tensors.items():
        if name.startswith(_PLAIN):
            name = re.sub(r"attention\.self\.relative_position_bias_table", "attn.relative_position_bias_table", name)
            renamed[name.replace("batch_norm", "bn0")] = tensor
    sizes = htsat.sizes(renamed, _PLAIN, frontend=frontend)
    if sizes["fusion"]:
        width = int(checkpoint.tensors[f"{_PLAIN}patch_embed.fusion_model.local_att.0.bias"].shape[0])
        sizes["fusion_ratio"] = sizes["width"] // width
    return sizes


def _policy(checkpoint: Checkpoint) -> str:
    """Padding of short clips in the folder's settings. ModelError where the settings need other features than the presets have."""
    tensors, parts = checkpoint.tensors, checkpoint.config
    fused, mels = _LONG in tensors, int(tensors[f"{_PLAIN}batch_norm.weight"].shape[0])
    file = checkpoint.path / "config.json"
    CONFIG.check(file, parts)
    TEXT_CONFIG.check(file, parts.get("text_config") or {})
    AUDIO_CONFIG.check(file, parts.get("audio_config") or {}, enable_fusion=fused, num_mel_bins=mels, spec_size=4 * mels)
    file, extractor = checkpoint.feature_extractor()
    EXTRACTOR.check(file, extractor, truncation="fusion" if fused else "rand_trunc", feature_size=mels)
    padding = extractor.get("padding", "repeatpad")
    if padding not in _PADDINGS:
        raise ModelError(f"{file}: padding is {padding!r}; wanted one of {', '.join(_PADDINGS)}")
    return _PADDINGS[padding]


def _format(name: str, *, fused: bool) -> Format:
    return Format(
        name=name,
        source="huggingface/transformers",
        weights=f"https://huggingface.co/laion/clap-htsat-{'fused' if fused else 'unfused'}",
        recognise=lambda checkpoint: (
            checkpoint.has(f"{_PLAIN}batch_norm.weight", "audio_projection.linear1.weight", "logit_scale_a")
            and checkpoint.has(_LONG) == fused
        ),
        settings=_settings,
        rules=_rules,
        tokenizer="FacebookAI/roberta-base",
    )


FORMATS = (_format("hf-clap", fused=False), _format("hf-clap-fused", fused=True))
