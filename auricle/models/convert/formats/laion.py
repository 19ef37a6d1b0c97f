"""LAION-CLAP in its original format: HTS-AT with or without fusion, or Cnn14; and ReCLAP, a fork with a T5 text tower."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from auricle.core.errors import ModelError
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats import htsat, towers
from auricle.models.convert.formats.panns import cnn14_rules, cnn14_sizes, torchlibrosa_rules
from auricle.models.convert.rules import Ignore, Rename, Rule
from auricle.models.encoders.factory import published_size

_LENGTH = 77
_TEXT = r"(?:module\.)?text_branch\."
_AUDIO = r"(?:module\.)?audio_branch\."


def _without_module(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """Tensors without the prefix of DistributedDataParallel."""
    return {name.removeprefix("module."): tensor for name, tensor in checkpoint.tensors.items()}


def _is_laion(tensors: Mapping[str, Tensor]) -> bool:
    wanted = ("audio_projection.0.weight", "text_projection.0.weight", "logit_scale_a", "audio_branch.bn0.weight")
    return all(name in tensors for name in wanted)


def _is_cnn14(tensors: Mapping[str, Tensor]) -> bool:
    return "audio_branch.conv_block6.conv2.weight" in tensors


def _is_t5(tensors: Mapping[str, Tensor]) -> bool:
    return "text_branch.encoder.block.0.layer.0.SelfAttention.q.weight" in tensors


def _is_fused(tensors: Mapping[str, Tensor]) -> bool:
    return "audio_branch.patch_embed.mel_conv2d.weight" in tensors


def _text(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Any], list[Rule]]:
    """Settings of the text tower, and rules for its tensors."""
    prefix = "text_branch."
    if _is_t5(tensors):
        # Its mean includes padding, so texts are always padded to the length of training.
        words = {"length": _LENGTH, "pad": 0, "fill": "length"}
        tower = {"family": "t5", "pool": "over all", "config": towers.t5(tensors, prefix), "words": words}
        rules = towers.t5_rules(_TEXT)
    elif f"{prefix}embeddings.word_embeddings.weight" in tensors:
        family, config = towers.bert(tensors, prefix)
        tower = {"family": family, "pool": "pooler", "config": config, "words": {"length": _LENGTH, "pad": config["pad_token_id"]}}
        rules = towers.bert_rules(_TEXT, pooler=True)
    elif f"{prefix}encoder.embed_positions.weight" in tensors:
        words = {"length": _LENGTH, "pad": 1, "fill": "length"}
        tower = {"family": "bart", "pool": "over all", "config": towers.bart(tensors, prefix), "words": words}
        rules = towers.bart_rules(_TEXT)
    else:
        raise ModelError("laion-clap: unknown text tower; wanted RoBERTa, BERT, BART or T5")
    return {**tower, "projection": "relu"}, rules


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    tensors = _without_module(checkpoint)
    frontend = "laion-fused" if _is_fused(tensors) else "laion-unfused"
    return {
        "frontend": frontend,
        "window": 10.0,
        "policy": "repeatpad",
        "encoder": _encoder(tensors, frontend),
        "dim": int(tensors["audio_projection.2.weight"].shape[0]),
        "projection": "relu",
        "text": _text(tensors)[0],
        "prompt": "This is a sound of {label}.",
        "logit_scale": math.exp(towers.scalar(tensors["logit_scale_a"])),
    }


def _encoder(tensors: Mapping[str, Tensor], frontend: str) -> dict[str, Any]:
    if _is_cnn14(tensors):
        return {**published_size("cnn14"), **cnn14_sizes(tensors, "audio_branch."), "frontend": frontend, "labels": 0}
    return htsat.sizes(tensors, "audio_branch.", frontend=frontend)


def _audio_rules(tensors: Mapping[str, Tensor]) -> list[Rule]:
    if _is_cnn14(tensors):
        return [Ignore(rf"{_AUDIO}fc_audioset\.(weight|bias)", htsat.UNTRAINED_HEAD), *cnn14_rules(_AUDIO)]
    fusion = htsat.fusion(rf"{_AUDIO}patch_embed\.", rf"{_AUDIO}patch_embed\.fusion_model\.")
    return [*fusion, *htsat.encoder(_AUDIO), *htsat.ignore_head(_AUDIO)]


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    tensors = _without_module(checkpoint)
    own = r"(?:module\.)?"
    front: list[Rule] = torchlibrosa_rules(_AUDIO)
    if _is_fused(tensors):
        front = [Ignore(rf"{_AUDIO}(spectrogram_extractor|logmel_extractor)\..+", "with fusion, log-mels are computed outside the model")]
    return [
        *front,
        *_audio_rules(tensors),
        *projections(rf"{own}audio_projection\.", rf"{own}text_projection\."),
        Ignore(rf"{own}(audio|text)_transform\..+", "used in training only"),
        Ignore(rf"{own}logit_scale_[at]", "stored in the settings"),
        *_text(tensors)[1],
    ]


def projections(audio: str, text: str) -> list[Rule]:
    """Rules for the two projections of two layers each. audio, text: patterns before the layers' numbers 0 and 2."""
    return [
        Rename(rf"{side}{number}\.(\w+)", rf"{target}projection.{layer}.\1")
        for side, target in ((audio, ""), (text, "text."))
        for number, layer in ((0, "first"), (2, "second"))
    ]


def _format(name: str, *, fused: bool = False, t5: bool = False, cnn14: bool = False) -> Format:
    def recognise(checkpoint: Checkpoint) -> bool:
        tensors = _without_module(checkpoint)
        return _is_laion(tensors) and (_is_fused(tensors), _is_t5(tensors), _is_cnn14(tensors)) == (fused, t5, cnn14)

    return Format(
        name=name,
        source="Sreyan88/ReCLAP" if t5 else "LAION-AI/CLAP",
        weights="https://github.com/Sreyan88/ReCLAP (README)" if t5 else "https://huggingface.co/lukewys/laion_clap",
        recognise=recognise,
        settings=_settings,
        rules=_rules,
        tokenizer="google/flan-t5-large" if t5 else "FacebookAI/roberta-base",
    )


FORMATS = (
    _format("laion-clap"),
    _format("laion-clap-fused", fused=True),
    _format("laion-clap-cnn14", cnn14=True),
    _format("reclap", fused=True, t5=True),
)
