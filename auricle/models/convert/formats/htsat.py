"""HTS-AT in the format of its trainer, and rules for every copy of its code in other systems."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from auricle.core.errors import ModelError
from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats.panns import label_names, torchlibrosa_rules
from auricle.models.convert.rules import Ignore, Rename, Rule
from auricle.signal.banks import mel_bank
from auricle.signal.presets import PRESETS

#: Reason to ignore the tagging heads inside CLAP models.
UNTRAINED_HEAD = "tagging head that was not trained with CLAP"
_DERIVED = "a table that follows from the sizes"


def flat(kernel: Tensor) -> Tensor:
    """A patch kernel (D, 1, bands, frames) as a matrix (D, bands * frames)."""
    return kernel.flatten(1)


def square(kernel: Tensor) -> Tensor:
    """A 1 x 1 kernel (D, D', 1, 1) as a matrix (D, D')."""
    return kernel[:, :, 0, 0]


def fusion(patches: str, fused: str) -> list[Rule]:
    """Rules for the fusion of long audio. patches, fused: patterns of the prefixes of its patch embedding and of the fusion module."""
    rules: list[Rule] = [
        Rename(rf"{patches}mel_conv2d\.weight", "encoder.patches.long.weight", flat),
        Rename(rf"{patches}mel_conv2d\.bias", "encoder.patches.long.bias"),
    ]
    for theirs, ours, first in (("local_att", "local", 0), ("global_att", "whole", 1)):
        for number, layer in ((1, first), (2, first + 3)):
            target = "encoder.patches.fusion."
            rules += [
                Rename(rf"{fused}{theirs}\.{layer}\.weight", rf"{target}{ours}{number}.weight", square),
                Rename(rf"{fused}{theirs}\.{layer}\.bias", rf"{target}{ours}{number}.bias"),
                Rename(rf"{fused}{theirs}\.{layer + 1}\.(\w+)", rf"{target}{ours}_norm{number}.\1"),
            ]
    return rules


def encoder(prefix: str) -> list[Rule]:
    """Rules for the encoder without its head, front-end and fusion. prefix: a pattern."""
    block = rf"{prefix}layers\.(\d+)\.blocks\.(\d+)\."
    target = r"encoder.stages.\1.blocks.\2."
    return [
        Ignore(rf"{block}(attn_mask|attn\.relative_position_index)", _DERIVED),
        Rename(rf"{prefix}bn0\.(\w+)", r"encoder.bn0.\1"),
        Rename(rf"{prefix}patch_embed\.proj\.weight", "encoder.patches.proj.weight", flat),
        Rename(rf"{prefix}patch_embed\.proj\.bias", "encoder.patches.proj.bias"),
        Rename(rf"{prefix}patch_embed\.norm\.(\w+)", r"encoder.patches.norm.\1"),
        Rename(rf"{block}attn\.relative_position_bias_table", target + "attention.bias"),
        Rename(rf"{block}attn\.(qkv|proj)\.(\w+)", target + r"attention.\3.\4"),
        Rename(rf"{block}(?:mlp\.)?(norm1|norm2|fc1|fc2)\.(\w+)", target + r"\3.\4"),
        Rename(rf"{prefix}layers\.(\d+)\.downsample\.(reduction|norm)\.(\w+)", r"encoder.stages.\1.merge.\2.\3"),
        Rename(rf"{prefix}norm\.(\w+)", r"encoder.norm.\1"),
    ]


def head(prefix: str) -> list[Rule]:
    """Rules for the tagging head."""
    return [
        Rename(rf"{prefix}tscam_conv\.(\w+)", r"encoder.head.\1"),
        Ignore(rf"{prefix}head\.(weight|bias)", "not used by the published code"),
    ]


def ignore_head(prefix: str) -> list[Rule]:
    """Rule that ignores the tagging head, which contrastive training left unchanged while the encoder changed."""
    return [Ignore(rf"{prefix}(tscam_conv|head)\.(weight|bias)", UNTRAINED_HEAD)]


def sizes(tensors: Mapping[str, Tensor], prefix: str, *, frontend: str, with_head: bool = False) -> dict[str, Any]:
    """Settings of the encoder, from tensor shapes. prefix: plain text."""
    depths: dict[int, int] = {}
    for name in tensors:
        if (match := re.match(rf"{re.escape(prefix)}layers\.(\d+)\.blocks\.(\d+)\.", name)) is not None:
            depths[int(match[1])] = max(depths.get(int(match[1]), 0), int(match[2]) + 1)
    tables = [tensors[f"{prefix}layers.{stage}.blocks.0.attn.relative_position_bias_table"] for stage in sorted(depths)]
    mels = int(tensors[f"{prefix}bn0.weight"].shape[0])
    return {
        "family": "htsat",
        "frontend": frontend,
        "width": int(tensors[f"{prefix}patch_embed.norm.weight"].shape[0]),
        "depths": [depths[stage] for stage in sorted(depths)],
        "heads": [int(table.shape[1]) for table in tables],
        "window": (int(tables[0].shape[0] ** 0.5 + 0.5) + 1) // 2,
        "mels": mels,
        "side": 4 * mels,
        "labels": int(tensors[f"{prefix}tscam_conv.bias"].shape[0]) if with_head else 0,
        "fusion": f"{prefix}patch_embed.mel_conv2d.weight" in tensors,
    }


_OWN = "sed_model."
_FRONTENDS = ("panns-32k", "laion-unfused")  # of the original tagger, and of the 48 kHz taggers from which LAION-CLAP was initialised
_SAME_BANK = 1e-3
_WINDOW = 10.0  # seconds, length of AudioSet clips, on which it was trained


def _recognise(checkpoint: Checkpoint) -> bool:
    return checkpoint.has(f"{_OWN}bn0.weight", f"{_OWN}patch_embed.proj.weight", f"{_OWN}tscam_conv.weight")


def _settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    frontend = _frontend(checkpoint.tensors.get(f"{_OWN}logmel_extractor.melW"))
    encoder_settings = sizes(checkpoint.tensors, _OWN, frontend=frontend, with_head=True)
    stages, labels = len(encoder_settings["depths"]), encoder_settings["labels"]
    last_side = encoder_settings["side"] // 4 >> (stages - 1)
    return {
        "encoder": encoder_settings,
        "frontend": frontend,
        "window": _WINDOW,
        "policy": "repeatpad",
        "dim": encoder_settings["width"] << (stages - 1),
        "labels": label_names(labels),
        **shared.head_activation(labels),
        "label_rate": encoder_settings["side"] // encoder_settings["mels"] * last_side / _WINDOW,
    }


def _frontend(bank: Tensor | None) -> str:
    """Front-end whose mel filterbank the checkpoint has, from which its rate follows."""
    if bank is None or bank.is_meta:
        return _FRONTENDS[0]
    theirs = bank.float().numpy()
    for name in _FRONTENDS:
        ours = mel_bank(PRESETS[name])
        if ours.shape == theirs.shape and abs(theirs - ours).max() < _SAME_BANK * ours.max():
            return name
    raise ModelError(f"htsat: the mel filterbank {tuple(bank.shape)} is unknown; wanted that of one of {', '.join(_FRONTENDS)}")


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    prefix = re.escape(_OWN)
    return [*torchlibrosa_rules(prefix), *encoder(prefix), *head(prefix)]


FORMATS = (
    Format(
        name="htsat",
        source="RetroCirce/HTS-Audio-Transformer",
        weights="https://github.com/RetroCirce/HTS-Audio-Transformer (README)",
        recognise=_recognise,
        settings=_settings,
        rules=_rules,
    ),
)
