"""Encoder of Whisper in the formats of transformers and of OpenAI (MIT). The decoder is ignored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from auricle.core.errors import ModelError
from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.hf_config import ConfigKeys, ExtractorKeys
from auricle.models.convert.rules import Ignore, Join, Rename, Rule

#: config.json of transformers: WhisperConfig. Keys of the decoder and of training are irrelevant.
CONFIG = ConfigKeys(
    read=frozenset({"num_mel_bins", "encoder_layers", "encoder_attention_heads", "encoder_ffn_dim", "d_model", "max_source_positions"}),
    required={"activation_function": "gelu", "scale_embedding": False},
    irrelevant=frozenset(
        {"vocab_size", "decoder_layers", "decoder_attention_heads", "decoder_ffn_dim", "decoder_layerdrop", "decoder_start_token_id"}
        | {"encoder_layerdrop", "use_cache", "is_encoder_decoder", "dropout", "attention_dropout", "activation_dropout", "init_std"}
        | {"max_target_positions", "pad_token_id", "bos_token_id", "eos_token_id", "suppress_tokens", "begin_suppress_tokens"}
        | {"use_weighted_layer_sum", "classifier_proj_size", "apply_spec_augment", "mask_time_prob", "mask_time_length"}
        | {"mask_time_min_masks", "mask_feature_prob", "mask_feature_length", "mask_feature_min_masks", "median_filter_width"}
        | {"tie_word_embeddings"}
    ),
)
#: preprocessor_config.json: WhisperFeatureExtractor. Older folders have its mel filterbank, which it recomputes.
EXTRACTOR = ExtractorKeys(
    read=frozenset({"feature_size", "chunk_length"}),
    required={
        "feature_extractor_type": "WhisperFeatureExtractor",
        "sampling_rate": 16000,
        "hop_length": 160,
        "n_fft": 400,
        "padding_value": 0.0,
        "dither": 0.0,
    },
    irrelevant=frozenset({"n_samples", "nb_max_frames", "mel_filters"}),
)
_HUB = r"(?:model\.)?encoder\."
_HUB_NAMES = {
    "self_attn_layer_norm": "norm1",
    "self_attn.out_proj": "attention.out",
    "final_layer_norm": "norm2",
    "fc1": "widen",
    "fc2": "narrow",
}
_OPENAI_NAMES = {"attn_ln": "norm1", "attn.out": "attention.out", "mlp_ln": "norm2", "mlp.0": "widen", "mlp.2": "narrow"}
_DECODER = "decoder, not converted"


def _hub(checkpoint: Checkpoint, name: str) -> Any:
    return checkpoint.tensors.get(f"model.encoder.{name}", checkpoint.tensors.get(f"encoder.{name}"))


def _hub_recognise(checkpoint: Checkpoint) -> bool:
    return all(_hub(checkpoint, name) is not None for name in ("conv2.weight", "embed_positions.weight", "layers.0.fc1.weight"))


def _openai_recognise(checkpoint: Checkpoint) -> bool:
    return checkpoint.has("encoder.conv2.weight", "encoder.positional_embedding", "encoder.blocks.0.mlp.0.weight")


def _settings(*, mels: int, width: int, depth: int, heads: int, positions: int) -> Mapping[str, Any]:
    frontend = f"whisper-{mels}"
    if mels not in (80, 128):
        raise ModelError(f"Whisper with {mels} mel bands is not supported; wanted 80 or 128")
    return {
        "frontend": frontend,
        "window": positions / 50,
        "policy": "zero",
        "encoder": {
            "family": "whisper",
            "frontend": frontend,
            "mels": mels,
            "width": width,
            "depth": depth,
            "heads": heads,
            "frames": 2 * positions,
        },
        "dim": width,
    }


def _hub_settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    config = checkpoint.config
    width, mels, _ = _hub(checkpoint, "conv1.weight").shape
    positions = _hub(checkpoint, "embed_positions.weight").shape[0]
    CONFIG.check(checkpoint.path / "config.json", config)
    EXTRACTOR.check(*checkpoint.feature_extractor(), feature_size=mels, chunk_length=positions / 50)
    return _settings(
        mels=mels,
        width=width,
        depth=shared.count_blocks(checkpoint.tensors, rf"{_HUB}layers\.(\d+)\."),
        heads=config.get("encoder_attention_heads", max(1, width // 64)),
        positions=positions,
    )


def _openai_settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    width, mels, _ = checkpoint.tensors["encoder.conv1.weight"].shape
    sizes = checkpoint.meta.get("dims")
    return _settings(
        mels=mels,
        width=width,
        depth=shared.count_blocks(checkpoint.tensors, r"encoder\.blocks\.(\d+)\."),
        heads=sizes["n_audio_head"] if isinstance(sizes, Mapping) else max(1, width // 64),
        positions=checkpoint.tensors["encoder.positional_embedding"].shape[0],
    )


def _hub_rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    layer = rf"{_HUB}layers\.(\d+)\."
    return [
        *_convolutions(_HUB),
        Rename(rf"{_HUB}embed_positions\.weight", "encoder.positions"),
        shared.layer(rf"{_HUB}layer_norm", "encoder.norm"),
        *shared.block(layer, _HUB_NAMES),
        *_join_qkv(layer, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        Ignore(r"(?:model\.)?decoder\..+|proj_out\.weight", _DECODER),
        Ignore(r"(?:projector|classifier)\..+|layer_weights", "task head, not converted"),
    ]


def _openai_rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    layer = r"encoder\.blocks\.(\d+)\."
    return [
        *_convolutions(r"encoder\."),
        Rename(r"encoder\.positional_embedding", "encoder.positions"),
        shared.layer(r"encoder\.ln_post", "encoder.norm"),
        *shared.block(layer, _OPENAI_NAMES),
        *_join_qkv(layer, "attn.query", "attn.key", "attn.value"),
        Ignore(r"decoder\..+", _DECODER),
    ]


def _convolutions(prefix: str) -> list[Rule]:
    return [shared.layer(rf"{prefix}conv{number}", f"encoder.conv{number}") for number in (1, 2)]


def _join_qkv(layer: str, *names: str) -> list[Rule]:
    """Rules for query, key and value; the key of Whisper has no bias."""
    weight, _ = shared.join_qkv(layer, names)
    biased = tuple(rf"{layer}{re.escape(name)}\.bias" for name in (names[0], names[2]))
    return [weight, Join(biased, r"encoder.blocks.\1.attention.qkv.bias", shared.qkv_bias_without_key)]


FORMATS = (
    Format(
        name="whisper-transformers",
        source="huggingface/transformers",
        weights="huggingface.co/openai/whisper-base",
        recognise=_hub_recognise,
        settings=_hub_settings,
        rules=_hub_rules,
    ),
    Format(
        name="whisper-openai",
        source="openai/whisper",
        weights="github.com/openai/whisper",
        recognise=_openai_recognise,
        settings=_openai_settings,
        rules=_openai_rules,
    ),
)
