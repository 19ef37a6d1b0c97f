"""WavCaps' retrieval models (ASE): HTS-AT or Cnn14 beside BERT. The repository has no licence; names and sizes are facts of its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import BANK, WINDOW, Format
from auricle.models.convert.formats import htsat, towers
from auricle.models.convert.formats.laion import projections
from auricle.models.convert.formats.panns import cnn14_rules, cnn14_widths, first_row
from auricle.models.convert.rules import Ignore, Rename, Rule
from auricle.models.encoders.factory import size

_AUDIO = "audio_encoder.audio_enc."
_TEXT = "text_encoder.text_encoder."
_DROPPED = '(,.!?;:|*")'


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    tensors = checkpoint.tensors
    family, config = towers.bert(tensors, _TEXT)
    return {
        "frontend": "panns-32k",
        "window": 10.0,
        "policy": "zero",
        "encoder": _encoder(tensors),
        "dim": int(tensors["audio_proj.2.weight"].shape[0]),
        "projection": "relu",
        "text": {
            "family": family,
            "pool": "first",
            "config": config,
            "words": {"length": 30, "pad": config["pad_token_id"], "lower": True, "drop": _DROPPED},
            "projection": "relu",
        },
        "prompt": "{label} can be heard",
        "logit_scale": 1.0 / (towers.number(tensors["temp"]) or 1.0),
    }


def _encoder(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    if f"{_AUDIO}patch_embed.proj.weight" in tensors:
        return htsat.sizes(tensors, _AUDIO, frontend="panns-32k")
    # Its Cnn14 ends with the pooled map: no hidden layer, no labels, and the last block halves like the others.
    widths = cnn14_widths(tensors, _AUDIO)
    return {**size("cnn14"), "widths": widths, "halvings": len(widths), "size": widths[-1], "labels": 0, "decision": "none"}


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    audio = r"audio_encoder\.audio_enc\."
    front = rf"{audio}audio_feats_extractor\."
    is_htsat = checkpoint.has(f"{_AUDIO}patch_embed.proj.weight")
    return [
        Rename(rf"{front}log_trans\.melW", BANK),
        Rename(rf"{front}mel_trans\.stft\.conv_real\.weight", WINDOW, first_row),
        Ignore(rf"{front}mel_trans\.stft\.conv_imag\.weight", "the sine half of the transform, the same for every window"),
        *([*htsat.encoder(audio), *htsat.no_head(audio)] if is_htsat else cnn14_rules(audio)),
        *projections(r"audio_proj\.", r"text_proj\."),
        *towers.bert_rules(r"text_encoder\.text_encoder\.", pooler=False),
        Ignore("temp", "kept in the settings"),
    ]


def _format(name: str, part: str) -> Format:
    return Format(
        name=name,
        source="XinhaoMei/WavCaps",
        weights="https://github.com/XinhaoMei/WavCaps (README)",
        recognise=lambda checkpoint: checkpoint.has("audio_proj.0.weight", "text_proj.0.weight", "temp", f"{_AUDIO}{part}"),
        settings=_settings,
        rules=_rules,
        tokenizer="google-bert/bert-base-uncased",
    )


FORMATS = (_format("wavcaps-htsat", "patch_embed.proj.weight"), _format("wavcaps-cnn14", "conv_block6.conv2.weight"))
