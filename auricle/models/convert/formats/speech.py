"""wav2vec 2.0, HuBERT and WavLM as transformers keeps them (Apache-2.0): a folder with config.json, whose model_type names the kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.hf_config import Extractor, Known
from auricle.models.convert.rules import Ignore, Join, Rename, Rule

#: Fields of config.json -> ours, where they say the same.
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
#: config.json: Wav2Vec2Config, HubertConfig and WavLMConfig. Heads and adapters are not built, nor what belongs to training.
CONFIG = Known(
    read=frozenset({*_FIELDS, "num_buckets", "max_bucket_distance"}),
    wanted={
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
EXTRACTOR = Extractor(
    read=frozenset({"do_normalize"}),
    wanted={"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000, "feature_size": 1},
    irrelevant=frozenset({"padding_value"}),
)
_NAMES = {
    "layer_norm": "norm1",
    "attention.out_proj": "attention.out",
    "final_layer_norm": "norm2",
    "feed_forward.intermediate_dense": "widen",
    "feed_forward.output_dense": "narrow",
}


def _of(kind: str) -> Callable[[Checkpoint], bool]:
    def recognise(checkpoint: Checkpoint) -> bool:
        stem = "feature_extractor.conv_layers.0.conv.weight"
        return checkpoint.config.get("model_type") == kind and (checkpoint.has(stem) or checkpoint.has(f"{kind}.{stem}"))

    return recognise


def _sizes(checkpoint: Checkpoint) -> dict[str, Any]:
    config = checkpoint.config
    CONFIG.check(checkpoint.path / "config.json", config)
    file, own = checkpoint.extractor()
    EXTRACTOR.check(file, own)
    sizes = {ours: config[field] for field, ours in _FIELDS.items() if field in config}
    if config["model_type"] == "wavlm":
        sizes |= {"buckets": config.get("num_buckets", 320), "farthest": config.get("max_bucket_distance", 800), "gate": "input"}
    # Where the folder does not say, the large models' waveforms were normalised; with a norm over the clip it makes no difference.
    told = own.get("do_normalize", config.get("feat_extract_norm") == "layer")
    return {"family": "speech", "frontend": "raw-16k-normal" if told else "raw-16k", **sizes}


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    sizes = _sizes(checkpoint)
    return {"frontend": sizes["frontend"], "window": 10.0, "policy": "any", "encoder": sizes, "dim": sizes.get("width", 768)}


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    kind = checkpoint.config["model_type"]
    own = rf"(?:{kind}\.)?"
    layer = rf"{own}encoder\.layers\.(\d+)\."
    blocks, attention = r"encoder.trunk.blocks.\1", r"encoder.trunk.blocks.\1.attention"
    convs = rf"{own}feature_extractor\.conv_layers\."
    place = rf"{own}encoder\.pos_conv_embed\.conv\."
    grouped = checkpoint.config.get("feat_extract_norm", "group") == "group"
    return [
        shared.part(rf"{convs}0\.layer_norm", "encoder.stem.clip_norm") if grouped else _norms(convs),
        shared.part(rf"{convs}(\d+)\.conv", r"encoder.stem.convs.\1"),
        shared.part(rf"{own}feature_projection\.layer_norm", "encoder.norm"),
        shared.part(rf"{own}feature_projection\.projection", "encoder.project"),
        Join((rf"{place}weight_g", rf"{place}weight_v"), "encoder.trunk.place.conv.weight", shared.unweight),
        Join(
            (rf"{place}parametrizations\.weight\.original0", rf"{place}parametrizations\.weight\.original1"),
            "encoder.trunk.place.conv.weight",
            shared.unweight,
        ),
        Rename(rf"{place}bias", "encoder.trunk.place.conv.bias"),
        shared.part(rf"{own}encoder\.layer_norm", "encoder.trunk.norm"),
        *shared.block(layer, _NAMES, ours=blocks),
        *shared.three_in_one(layer, [f"attention.{name}_proj" for name in "qkv"], ours=rf"{attention}.qkv"),
        Rename(rf"{layer}attention\.gru_rel_pos_linear\.(weight|bias)", rf"{attention}.gate.linear.\2", shared.halve_gate),
        Rename(rf"{layer}attention\.gru_rel_pos_const", rf"{attention}.gate.scale", lambda scale: scale[0]),
        Rename(rf"{own}encoder\.layers\.0\.attention\.rel_attn_embed\.weight", "encoder.trunk.relative.scores.weight"),
        Ignore(rf"{own}masked_spec_embed", "stands for what training masks"),
        Ignore(r"(?:quantizer|project_q|project_hid)\..+", "targets of pretraining"),
        Ignore(r"(?:lm_head|projector|classifier)\..+|layer_weights", "a head of its own, which says letters, speakers or emotions"),
    ]


def _norms(convs: str) -> Rule:
    return shared.part(rf"{convs}(\d+)\.layer_norm", r"encoder.stem.norms.\1")


FORMATS = tuple(
    Format(
        name=kind,
        source="huggingface/transformers",
        weights=f"huggingface.co/{weights}",
        recognise=_of(kind),
        settings=_settings,
        rules=_rules,
    )
    for kind, weights in (
        ("wav2vec2", "facebook/wav2vec2-base"),
        ("hubert", "facebook/hubert-base-ls960"),
        ("wavlm", "microsoft/wavlm-base"),
    )
)
