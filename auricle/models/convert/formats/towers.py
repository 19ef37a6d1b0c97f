"""Text towers of published CLAP models: settings from tensor shapes, and rules to the names of transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from auricle.models.convert.blocks import count_blocks
from auricle.models.convert.rules import Ignore, Rename, Rule

_HEAD = 64  # width of an attention head, the same in every published tower
_TARGET = "text.tower."


def scalar(tensor: Tensor) -> float:
    """Value of a tensor with one element; 0 for a meta tensor."""
    return 0.0 if tensor.is_meta else float(tensor)


def bert(tensors: Mapping[str, Tensor], prefix: str) -> tuple[str, dict[str, Any]]:
    """Family ('bert' or 'roberta') and config of a BERT-like tower. prefix: plain text."""
    words = tensors[f"{prefix}embeddings.word_embeddings.weight"].shape
    types = int(tensors[f"{prefix}embeddings.token_type_embeddings.weight"].shape[0])
    family = "roberta" if types == 1 else "bert"
    first = f"{prefix}encoder.layer.0."
    return family, {
        "vocab_size": int(words[0]),
        "hidden_size": int(words[1]),
        "num_hidden_layers": count_blocks(tensors, rf"{re.escape(prefix)}encoder\.layer\.(\d+)\."),
        "num_attention_heads": int(words[1]) // _HEAD,
        "intermediate_size": int(tensors[f"{first}intermediate.dense.weight"].shape[0]),
        "max_position_embeddings": int(tensors[f"{prefix}embeddings.position_embeddings.weight"].shape[0]),
        "type_vocab_size": types,
        "layer_norm_eps": 1e-5 if family == "roberta" else 1e-12,
        "pad_token_id": 1 if family == "roberta" else 0,
    }


def bert_rules(prefix: str, *, pooler: bool) -> list[Rule]:
    """Rules for a BERT or RoBERTa tower. pooler: its pooling layer is used. prefix: a pattern."""
    rules: list[Rule] = [Ignore(rf"{prefix}embeddings\.(position_ids|token_type_ids)", "indices, not weights")]
    if not pooler:
        rules.append(Ignore(rf"{prefix}pooler\..+", "not used: the text embedding is the first token's state"))
    return [*rules, Rename(rf"{prefix}((embeddings|encoder|pooler)\..+)", rf"{_TARGET}\1")]


def gpt2(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    """Config of a GPT-2 tower."""
    words, positions = tensors[f"{prefix}wte.weight"].shape, tensors[f"{prefix}wpe.weight"].shape
    return {
        "vocab_size": int(words[0]),
        "n_embd": int(words[1]),
        "n_positions": int(positions[0]),
        "n_layer": count_blocks(tensors, rf"{re.escape(prefix)}h\.(\d+)\."),
        "n_head": int(words[1]) // _HEAD,
    }


def gpt2_rules(prefix: str) -> list[Rule]:
    """Rules for a GPT-2 tower."""
    return [
        Ignore(rf"{prefix}h\.\d+\.attn\.(bias|masked_bias)", "causal mask"),
        Rename(rf"{prefix}((wte|wpe|ln_f|h\.\d+)\..+)", rf"{_TARGET}\1"),
    ]


def t5(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    """Config of the encoder of a T5."""
    words = tensors[f"{prefix}shared.weight"].shape
    block = f"{prefix}encoder.block.0.layer."
    buckets, heads = tensors[f"{block}0.SelfAttention.relative_attention_bias.weight"].shape
    gated = f"{block}1.DenseReluDense.wi_0.weight" in tensors
    return {
        "vocab_size": int(words[0]),
        "d_model": int(words[1]),
        "num_layers": count_blocks(tensors, rf"{re.escape(prefix)}encoder\.block\.(\d+)\."),
        "num_heads": int(heads),
        "d_kv": int(tensors[f"{block}0.SelfAttention.q.weight"].shape[0]) // int(heads),
        "d_ff": int(tensors[f"{block}1.DenseReluDense.{'wi_0' if gated else 'wi'}.weight"].shape[0]),
        "relative_attention_num_buckets": int(buckets),
        "feed_forward_proj": "gated-gelu" if gated else "relu",
    }


def t5_rules(prefix: str) -> list[Rule]:
    """Rules for the encoder of a T5."""
    return [
        Ignore(rf"{prefix}shared\.weight", "same as encoder.embed_tokens"),
        Rename(rf"{prefix}encoder\.(.+)", rf"{_TARGET}\1"),
    ]


def bart(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    """Config of the encoder of a BART."""
    words = tensors[f"{prefix}encoder.embed_tokens.weight"].shape
    return {
        "vocab_size": int(words[0]),
        "d_model": int(words[1]),
        "encoder_layers": count_blocks(tensors, rf"{re.escape(prefix)}encoder\.layers\.(\d+)\."),
        "encoder_attention_heads": int(words[1]) // _HEAD,
        "encoder_ffn_dim": int(tensors[f"{prefix}encoder.layers.0.fc1.weight"].shape[0]),
        "max_position_embeddings": int(tensors[f"{prefix}encoder.embed_positions.weight"].shape[0]) - 2,
        "decoder_layers": 1,  # built and dropped
        "decoder_attention_heads": 1,
        "decoder_ffn_dim": 1,
    }


def bart_rules(prefix: str) -> list[Rule]:
    """Rules for the encoder of a BART."""
    return [
        Ignore(rf"{prefix}shared\.weight", "same as encoder.embed_tokens"),
        Ignore(rf"{prefix}decoder\..+", "decoder, not used"),
        Rename(rf"{prefix}encoder\.(.+)", rf"{_TARGET}\1"),
    ]
