"""Retrieval models of WavCaps (ASE): HTS-AT or Cnn14 with BERT. It has no licence; only names and sizes are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import BANK, WINDOW, Format
from auricle.models.convert.formats import htsat, towers
from auricle.models.convert.formats.laion import projections
from auricle.models.convert.formats.panns import cnn14_rules, cnn14_widths, window_from_kernel
from auricle.models.convert.rules import Ignore, Rename, Rule
from auricle.models.encoders.factory import published_size

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
        "logit_scale": 1.0 / (towers.scalar(tensors["temp"]) or 1.0),
    }


def _encoder(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    if f"{_AUDIO}patch_embed.proj.weight" in tensors:
        return htsat.sizes(tensors, _AUDIO, frontend="panns-32k")
    # Its Cnn14 has no hidden layer and no labels, and the last block halves time and frequency like the others.
    widths = cnn14_widths(tensors, _AUDIO)
    return {**published_size("cnn14"), "widths": widths, "halvings": len(widths), "size": widths[-1], "labels": 0, "decision": "none"}


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    audio = r"audio_encoder\.audio_enc\."
    front = rf"{audio}audio_feats_extractor\."
    is_htsat = checkpoint.has(f"{_AUDIO}patch_embed.proj.weight")
    return [
        Rename(rf"{front}log_trans\.melW", BANK),
        Rename(rf"{front}mel_trans\.stft\.conv_real\.weight", WINDOW, window_from_kernel),
        Ignore(rf"{front}mel_trans\.stft\.conv_imag\.weight", "sine part of the Fourier transform, not needed"),
        *([*htsat.encoder(audio), *htsat.ignore_head(audio)] if is_htsat else cnn14_rules(audio)),
        *projections(r"audio_proj\.", r"text_proj\."),
        *towers.bert_rules(r"text_encoder\.text_encoder\.", pooler=False),
        Ignore("temp", "stored in the settings"),
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
