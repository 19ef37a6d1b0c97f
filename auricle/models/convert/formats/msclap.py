"""MS-CLAP (microsoft/CLAP): 2023 with HTS-AT and GPT-2, 2022 with Cnn14 and BERT."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats import htsat, towers
from auricle.models.convert.formats.panns import cnn14_rules, cnn14_sizes, torchlibrosa_rules
from auricle.models.convert.rules import Ignore, Rename, Rule
from auricle.models.encoders.factory import published_size

_CNN14 = "audio_encoder.base."
_HTSAT = "audio_encoder.base.htsat."
_TEXT = "caption_encoder.base."
_END = " <|endoftext|>"


def _settings_2023(checkpoint: Checkpoint) -> Mapping[str, Any]:
    tensors = checkpoint.tensors
    return {
        "frontend": "msclap-2023",
        "window": 7.0,
        "policy": "tile",
        "encoder": htsat.sizes(tensors, _HTSAT, frontend="msclap-2023"),
        "text": {
            "family": "gpt2",
            "pool": "last",
            "config": towers.gpt2(tensors, _TEXT),
            "words": {"length": 77, "pad": 0, "suffix": _END, "special": ["!"]},
            "projection": "residual",
        },
        **_common(tensors),
    }


def _common(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    return {
        "dim": int(tensors["audio_encoder.projection.linear2.weight"].shape[0]),
        "projection": "residual",
        "prompt": "this is the sound of {label}",
        "logit_scale": math.exp(towers.scalar(tensors["logit_scale"])),
    }


def _projections() -> list[Rule]:
    return [
        Rename(rf"{side}_encoder\.projection\.{theirs}\.(\w+)", rf"{target}projection.{ours}.\1")
        for side, target in (("audio", ""), ("caption", "text."))
        for theirs, ours in (("linear1", "first"), ("linear2", "second"), ("layer_norm", "norm"))
    ]


def _rules_2023(checkpoint: Checkpoint) -> Sequence[Rule]:
    audio = r"audio_encoder\.base\.htsat\."
    return [
        *torchlibrosa_rules(audio),
        *htsat.encoder(audio),
        *htsat.ignore_head(audio),
        *_projections(),
        *towers.gpt2_rules(r"caption_encoder\.base\."),
        Ignore("logit_scale", "stored in the settings"),
    ]


def _settings_2022(checkpoint: Checkpoint) -> Mapping[str, Any]:
    tensors = checkpoint.tensors
    family, config = towers.bert(tensors, _TEXT)
    return {
        "frontend": "msclap-2022",
        "window": 5.0,
        "policy": "tile",
        "encoder": {**published_size("cnn14"), **cnn14_sizes(tensors, _CNN14), "frontend": "msclap-2022", "labels": 0},
        "text": {
            "family": family,
            "pool": "first",
            "config": config,
            "words": {"length": 100, "pad": config["pad_token_id"]},
            "projection": "residual",
        },
        **_common(tensors),
    }


def _rules_2022(checkpoint: Checkpoint) -> Sequence[Rule]:
    audio = r"audio_encoder\.base\."
    return [
        Ignore(rf"{audio}fc_audioset\.(weight|bias)", htsat.UNTRAINED_HEAD),
        *torchlibrosa_rules(audio),
        *cnn14_rules(audio),
        *_projections(),
        *towers.bert_rules(r"caption_encoder\.base\.", pooler=False),
        Ignore("logit_scale", "stored in the settings"),
    ]


FORMATS = (
    Format(
        name="msclap-2023",
        source="microsoft/CLAP",
        weights="https://huggingface.co/microsoft/msclap",
        recognise=lambda checkpoint: checkpoint.has(f"{_HTSAT}bn0.weight", f"{_TEXT}wte.weight", "logit_scale"),
        settings=_settings_2023,
        rules=_rules_2023,
        tokenizer="openai-community/gpt2",
    ),
    Format(
        name="msclap-2022",
        source="microsoft/CLAP",
        weights="https://huggingface.co/microsoft/msclap",
        recognise=lambda checkpoint: checkpoint.has(
            f"{_CNN14}conv_block6.conv2.weight", f"{_TEXT}embeddings.word_embeddings.weight", "logit_scale"
        ),
        settings=_settings_2022,
        rules=_rules_2022,
        tokenizer="google-bert/bert-base-uncased",
    ),
)
