"""CLAP as transformers saves it: ClapModel folders, with fusion or without it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from auricle.core.errors import ModelError
from auricle.models.convert.checkpoint import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats import htsat, towers
from auricle.models.convert.rules import Ignore, Join, Rename, Rule

_PREFIX = r"audio_model\.audio_encoder\."
_BLOCK = rf"{_PREFIX}layers\.(\d+)\.blocks\.(\d+)\."
_TARGET = r"encoder.stages.\1.blocks.\2."
_PLAIN = "audio_model.audio_encoder."
_TEXT = "text_model."
_LONG = f"{_PLAIN}patch_embed.mel_conv2d.weight"
#: What the weights were trained with. transformers' own default for frequency_min is 0; the published folders say 50.
_FEATURES = {"sampling_rate": 48000, "frequency_min": 50, "frequency_max": 14000, "hop_length": 480, "fft_window_size": 1024}


def _join(part: str) -> Join:
    names = tuple(rf"{_BLOCK}attention\.self\.{name}\.{part}" for name in ("query", "key", "value"))
    return Join(names, f"{_TARGET}attention.qkv.{part}")


_AUDIO: tuple[Rule, ...] = (
    Ignore(rf"{_BLOCK}attention\.self\.relative_position_index", "a table that the sizes decide"),
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
    scale = Ignore(r"logit_scale_[at]", "kept in the settings")
    return [*_AUDIO, *_projections(), *towers.bert_rules(r"text_model\.", pooler=True), scale]


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    tensors = checkpoint.tensors
    _check_features(checkpoint)
    frontend = "laion-fused-hf" if _LONG in tensors else "laion-unfused-hf"
    _, config = towers.bert(tensors, _TEXT)
    said = checkpoint.config.get("text_config") or {}
    config |= {"layer_norm_eps": said.get("layer_norm_eps", 1e-12), "num_attention_heads": _heads(said, config)}
    return {
        "frontend": frontend,
        "window": 10.0,
        "policy": "repeatpad",
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
        "logit_scale": math.exp(towers.number(tensors["logit_scale_a"])),
    }


def _heads(said: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    return int(said.get("num_attention_heads", config["num_attention_heads"]))


def _encoder(checkpoint: Checkpoint, frontend: str) -> dict[str, Any]:
    """Sizes of the encoder, by the names that it has in its own code."""
    renamed = {}
    for name, tensor in checkpoint.tensors.items():
        if name.startswith(_PLAIN):
            name = re.sub(r"attention\.self\.relative_position_bias_table", "attn.relative_position_bias_table", name)
            renamed[name.replace("batch_norm", "bn0")] = tensor
    found = htsat.sizes(renamed, _PLAIN, frontend=frontend)
    if found["fusion"]:
        width = int(checkpoint.tensors[f"{_PLAIN}patch_embed.fusion_model.local_att.0.bias"].shape[0])
        found["fusion_ratio"] = found["width"] // width
    return found


def _check_features(checkpoint: Checkpoint) -> None:
    """ModelError where the folder asks for other features than the presets give."""
    path = checkpoint.path / "preprocessor_config.json"
    if not path.is_file():
        return
    said = json.loads(path.read_bytes())
    for name, wanted in _FEATURES.items():
        if said.get(name, wanted) != wanted:
            raise ModelError(f"{path}: {name} is {said[name]}; LAION-CLAP's weights were trained with {wanted}: correct the file")


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
