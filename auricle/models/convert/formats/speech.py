"""wav2vec 2.0, HuBERT and WavLM in the format of transformers: a folder with config.json, recognised by its model_type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.hf_config import ConfigKeys, ExtractorKeys
from auricle.models.convert.rules import Ignore, Join, Rename, Rule

#: Fields of config.json -> our settings with the same meaning.
_FIELDS = {
    "conv_dim": "conv_widths",
    "conv_kernel": "kernels",
    "conv_stride": "strides",
    "conv_bias": "conv_bias",
    "feat_extract_norm": "conv_norm",
    "feat_proj_layer_norm": "project_norm",
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "num_attention_heads": "heads",
    "intermediate_size": "hidden",
    "layer_norm_eps": "epsilon",
    "do_stable_layer_norm": "first",
    "num_conv_pos_embeddings": "conv",
    "num_conv_pos_embedding_groups": "groups",
}
#: config.json: Wav2Vec2Config, HubertConfig and WavLMConfig. Heads, adapters and training are not supported.
CONFIG = ConfigKeys(
    read=frozenset({*_FIELDS, "num_buckets", "max_bucket_distance"}),
    required={
        "hidden_act": "gelu",
        "feat_extract_activation": "gelu",
        "add_adapter": False,
        "conv_pos_batch_norm": False,
        "adapter_attn_dim": None,
    },
    irrelevant=frozenset(
        {"vocab_size", "hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout", "feat_quantizer_dropout"}
        | {"final_dropout", "layerdrop", "initializer_range", "apply_spec_augment", "mask_time_prob", "mask_time_length"}
        | {"mask_time_min_masks", "mask_feature_prob", "mask_feature_length", "mask_feature_min_masks", "num_codevectors_per_group"}
        | {"num_codevector_groups", "contrastive_logits_temperature", "num_negatives", "codevector_dim", "proj_codevector_dim"}
        | {"diversity_loss_weight", "ctc_loss_reduction", "ctc_zero_infinity", "use_weighted_layer_sum", "classifier_proj_size"}
        | {"tdnn_dim", "tdnn_kernel", "tdnn_dilation", "xvector_output_dim", "num_ctc_classes", "pad_token_id", "bos_token_id"}
        | {"eos_token_id", "adapter_kernel_size", "adapter_stride", "num_adapter_layers", "output_hidden_size"}
    ),
)
#: preprocessor_config.json: Wav2Vec2FeatureExtractor.
EXTRACTOR = ExtractorKeys(
    read=frozenset({"do_normalize"}),
    required={"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000, "feature_size": 1},
    irrelevant=frozenset({"padding_value"}),
)
_NAMES = {
    "layer_norm": "norm1",
    "attention.out_proj": "attention.out",
    "final_layer_norm": "norm2",
    "feed_forward.intermediate_dense": "widen",
    "feed_forward.output_dense": "narrow",
}


def _recognises(kind: str) -> Callable[[Checkpoint], bool]:
    def recognise(checkpoint: Checkpoint) -> bool:
        stem = "feature_extractor.conv_layers.0.conv.weight"
        return checkpoint.config.get("model_type") == kind and (checkpoint.has(stem) or checkpoint.has(f"{kind}.{stem}"))

    return recognise


def _sizes(checkpoint: Checkpoint) -> dict[str, Any]:
    config = checkpoint.config
    CONFIG.check(checkpoint.path / "config.json", config)
    file, extractor = checkpoint.feature_extractor()
    EXTRACTOR.check(file, extractor)
    sizes = {ours: config[field] for field, ours in _FIELDS.items() if field in config}
    if config["model_type"] == "wavlm":
        sizes |= {"buckets": config.get("num_buckets", 320), "farthest": config.get("max_bucket_distance", 800), "gate": "input"}
    # Without do_normalize: waveforms of the large models were normalised; for the base models, whose first norm is over the clip, it has
    # no effect.
    normalized = extractor.get("do_normalize", config.get("feat_extract_norm") == "layer")
    return {"family": "speech", "frontend": "raw-16k-normal" if normalized else "raw-16k", **sizes}


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    sizes = _sizes(checkpoint)
    return {"frontend": sizes["frontend"], "window": 10.0, "policy": "any", "encoder": sizes, "dim": sizes.get("width", 768)}


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    own = rf"(?:{checkpoint.config['model_type']}\.)?"
    layer = rf"{own}encoder\.layers\.(\d+)\."
    blocks, attention = r"encoder.trunk.blocks.\1", r"encoder.trunk.blocks.\1.attention"
    convs = rf"{own}feature_extractor\.conv_layers\."
    positions = rf"{own}encoder\.pos_conv_embed\.conv\."
    grouped = checkpoint.config.get("feat_extract_norm", "group") == "group"
    return [
        shared.layer(rf"{convs}0\.layer_norm", "encoder.stem.clip_norm") if grouped else _norms(convs),
        shared.layer(rf"{convs}(\d+)\.conv", r"encoder.stem.convs.\1"),
        shared.layer(rf"{own}feature_projection\.layer_norm", "encoder.norm"),
        shared.layer(rf"{own}feature_projection\.projection", "encoder.project"),
        Join((rf"{positions}weight_g", rf"{positions}weight_v"), "encoder.trunk.place.conv.weight", shared.fold_weight_norm),
        Join(
            (rf"{positions}parametrizations\.weight\.original0", rf"{positions}parametrizations\.weight\.original1"),
            "encoder.trunk.place.conv.weight",
            shared.fold_weight_norm,
        ),
        Rename(rf"{positions}bias", "encoder.trunk.place.conv.bias"),
        shared.layer(rf"{own}encoder\.layer_norm", "encoder.trunk.norm"),
        *shared.block(layer, _NAMES, ours=blocks),
        *shared.join_qkv(layer, [f"attention.{name}_proj" for name in "qkv"], ours=rf"{attention}.qkv"),
        Rename(rf"{layer}attention\.gru_rel_pos_linear\.(weight|bias)", rf"{attention}.gate.linear.\2", shared.sum_gate),
        Rename(rf"{layer}attention\.gru_rel_pos_const", rf"{attention}.gate.scale", lambda scale: scale[0]),
        Rename(rf"{own}encoder\.layers\.0\.attention\.rel_attn_embed\.weight", "encoder.trunk.relative.scores.weight"),
        Ignore(rf"{own}masked_spec_embed", "mask token of training"),
        Ignore(r"(?:quantizer|project_q|project_hid)\..+", "targets of pretraining"),
        Ignore(r"(?:lm_head|projector|classifier)\..+|layer_weights", "task head, not converted"),
    ]


def _norms(convs: str) -> Rule:
    return shared.layer(rf"{convs}(\d+)\.layer_norm", r"encoder.stem.norms.\1")


FORMATS = tuple(
    Format(
        name=kind,
        source="huggingface/transformers",
        weights=f"huggingface.co/{weights}",
        recognise=_recognises(kind),
        settings=_settings,
        rules=_rules,
    )
    for kind, weights in (
        ("wav2vec2", "facebook/wav2vec2-base"),
        ("hubert", "facebook/hubert-base-ls960"),
        ("wavlm", "microsoft/wavlm-base"),
    )
)
