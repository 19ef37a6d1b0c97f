"""Text towers inside published checkpoints: settings from tensors' shapes, and the names that transformers gave the tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from auricle.core.errors import ModelError
from auricle.models.convert.rules import Ignore, Rename, Rule

_HEAD = 64  # width of an attention head in every published tower
_TARGET = "text.tower."


def number(tensor: Tensor) -> float:
    """What a tensor of one number holds; 0 where only its shape is known."""
    return 0.0 if tensor.is_meta else float(tensor)


def count(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """How many layers there are: one more than the largest number that the pattern's group finds."""
    found = [int(match[1]) for name in tensors if (match := re.match(pattern, name)) is not None]
    if not found:
        raise ModelError(f"no tensor is called like {pattern!r}; the checkpoint is not of this format")
    return max(found) + 1


def bert(tensors: Mapping[str, Tensor], prefix: str) -> tuple[str, dict[str, Any]]:
    """Family ('bert' or 'roberta') and config of a tower of that kind. prefix: plain text."""
    words = tensors[f"{prefix}embeddings.word_embeddings.weight"].shape
    kinds = int(tensors[f"{prefix}embeddings.token_type_embeddings.weight"].shape[0])
    family = "roberta" if kinds == 1 else "bert"
    first = f"{prefix}encoder.layer.0."
    return family, {
        "vocab_size": int(words[0]),
        "hidden_size": int(words[1]),
        "num_hidden_layers": count(tensors, rf"{re.escape(prefix)}encoder\.layer\.(\d+)\."),
        "num_attention_heads": int(words[1]) // _HEAD,
        "intermediate_size": int(tensors[f"{first}intermediate.dense.weight"].shape[0]),
        "max_position_embeddings": int(tensors[f"{prefix}embeddings.position_embeddings.weight"].shape[0]),
        "type_vocab_size": kinds,
        "layer_norm_eps": 1e-5 if family == "roberta" else 1e-12,
        "pad_token_id": 1 if family == "roberta" else 0,
    }


def bert_rules(prefix: str, *, pooler: bool) -> list[Rule]:
    """Names of a bert or roberta tower. pooler: whether its pooled vector is used. prefix: a pattern."""
    rules: list[Rule] = [Ignore(rf"{prefix}embeddings\.(position_ids|token_type_ids)", "numbers that are counted up anew")]
    if not pooler:
        rules.append(Ignore(rf"{prefix}pooler\..+", "this system takes the first token's vector itself"))
    return [*rules, Rename(rf"{prefix}((embeddings|encoder|pooler)\..+)", rf"{_TARGET}\1")]


def gpt2(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    """Config of a GPT-2 tower."""
    words, places = tensors[f"{prefix}wte.weight"].shape, tensors[f"{prefix}wpe.weight"].shape
    return {
        "vocab_size": int(words[0]),
        "n_embd": int(words[1]),
        "n_positions": int(places[0]),
        "n_layer": count(tensors, rf"{re.escape(prefix)}h\.(\d+)\."),
        "n_head": int(words[1]) // _HEAD,
    }


def gpt2_rules(prefix: str) -> list[Rule]:
    """Names of a GPT-2 tower."""
    return [
        Ignore(rf"{prefix}h\.\d+\.attn\.(bias|masked_bias)", "the triangle of its causal mask"),
        Rename(rf"{prefix}((wte|wpe|ln_f|h\.\d+)\..+)", rf"{_TARGET}\1"),
    ]


def t5(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    """Config of the encoder of a T5."""
    words = tensors[f"{prefix}shared.weight"].shape
    block = f"{prefix}encoder.block.0.layer."
    near = tensors[f"{block}0.SelfAttention.relative_attention_bias.weight"].shape
    gated = f"{block}1.DenseReluDense.wi_0.weight" in tensors
    return {
        "vocab_size": int(words[0]),
        "d_model": int(words[1]),
        "num_layers": count(tensors, rf"{re.escape(prefix)}encoder\.block\.(\d+)\."),
        "num_heads": int(near[1]),
        "d_kv": int(tensors[f"{block}0.SelfAttention.q.weight"].shape[0]) // int(near[1]),
        "d_ff": int(tensors[f"{block}1.DenseReluDense.{'wi_0' if gated else 'wi'}.weight"].shape[0]),
        "relative_attention_num_buckets": int(near[0]),
        "feed_forward_proj": "gated-gelu" if gated else "relu",
    }


def t5_rules(prefix: str) -> list[Rule]:
    """Names of the encoder of a T5."""
    return [
        Ignore(rf"{prefix}shared\.weight", "the same table as encoder.embed_tokens"),
        Rename(rf"{prefix}encoder\.(.+)", rf"{_TARGET}\1"),
    ]


def bart(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    """Config of the encoder of a BART."""
    words = tensors[f"{prefix}encoder.embed_tokens.weight"].shape
    return {
        "vocab_size": int(words[0]),
        "d_model": int(words[1]),
        "encoder_layers": count(tensors, rf"{re.escape(prefix)}encoder\.layers\.(\d+)\."),
        "encoder_attention_heads": int(words[1]) // _HEAD,
        "encoder_ffn_dim": int(tensors[f"{prefix}encoder.layers.0.fc1.weight"].shape[0]),
        "max_position_embeddings": int(tensors[f"{prefix}encoder.embed_positions.weight"].shape[0]) - 2,
        "decoder_layers": 1,  # built and dropped
        "decoder_attention_heads": 1,
        "decoder_ffn_dim": 1,
    }


def bart_rules(prefix: str) -> list[Rule]:
    """Names of a BART, of which only the encoder reads."""
    return [
        Ignore(rf"{prefix}shared\.weight", "the same table as encoder.embed_tokens"),
        Ignore(rf"{prefix}decoder\..+", "only the encoder's vectors are used"),
        Rename(rf"{prefix}encoder\.(.+)", rf"{_TARGET}\1"),
    ]
