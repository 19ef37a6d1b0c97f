"""ConvNeXt taggers of AudioSet: topel/audioset-convnext-inf ({'model': tensors}, or safetensors), and the same encoder in CoNeTTE."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

from auricle.core.errors import ModelError
from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats.panns import label_names, torchlibrosa_rules
from auricle.models.convert.rules import Ignore, Rename, Rule
from auricle.models.encoders.factory import published_size

_CONETTE = "preprocessor.encoder."


def _recognise(prefix: str, checkpoint: Checkpoint) -> bool:
    names = ("bn0.weight", "downsample_layers.0.0.weight", "stages.0.0.dwconv.weight", "head_audioset.weight", "logmel_extractor.melW")
    return checkpoint.has(*(prefix + name for name in names))


def _settings(prefix: str, checkpoint: Checkpoint) -> dict[str, Any]:
    tensors = checkpoint.tensors
    stem = tensors[f"{prefix}downsample_layers.0.0.weight"].shape
    if tuple(stem[1:]) != (1, 4, 4):
        raise ModelError(f"{checkpoint.path}: the stem has shape {tuple(stem)}; wanted patches of 4 x 4, as in the published taggers")
    norms = [re.escape(prefix) + rf"stages\.{n}\.\d+\.norm\.weight" for n in range(4)]
    depths = [sum(re.fullmatch(norm, name) is not None for name in tensors) for norm in norms]
    encoder = published_size("convnext-tiny") | {
        "mels": tensors[f"{prefix}bn0.weight"].shape[0],
        "depths": depths,
        "widths": [tensors[f"{prefix}stages.{n}.0.norm.weight"].shape[0] for n in range(4)],
        "labels": tensors[f"{prefix}head_audioset.weight"].shape[0],
    }
    return {
        "frontend": encoder["frontend"],
        "window": 10.0,  # length of AudioSet clips, on which it was trained
        "policy": "any",
        "encoder": encoder,
        "dim": encoder["widths"][-1],
        "labels": label_names(encoder["labels"]),
        **shared.head_activation(encoder["labels"]),
    }


def _rules(prefix: str, checkpoint: Checkpoint) -> Sequence[Rule]:
    plain = re.escape(prefix)
    block, inside = rf"{plain}stages\.(\d)\.(\d+)\.", r"encoder.stages.\1.\2."
    return [
        *torchlibrosa_rules(plain),
        Rename(rf"{plain}bn0\.(\w+)", r"encoder.bands.\1"),
        Rename(rf"{plain}downsample_layers\.0\.0\.(\w+)", r"encoder.stem.conv.\1"),
        Rename(rf"{plain}downsample_layers\.0\.1\.(\w+)", r"encoder.stem.norm.\1"),
        Rename(rf"{plain}downsample_layers\.(\d)\.0\.(\w+)", r"encoder.halvings.\1.norm.\2"),
        Rename(rf"{plain}downsample_layers\.(\d)\.1\.(\w+)", r"encoder.halvings.\1.conv.\2"),
        Rename(rf"{block}dwconv\.(\w+)", rf"{inside}around.\3"),
        Rename(rf"{block}norm\.(\w+)", rf"{inside}norm.\3"),
        Rename(rf"{block}pwconv1\.(\w+)", rf"{inside}widen.\3"),
        Rename(rf"{block}pwconv2\.(\w+)", rf"{inside}narrow.\3"),
        Rename(rf"{block}(?:gamma|scale_layer)", rf"{inside}scale"),  # the latter in CoNeTTE
        Rename(rf"{plain}norm\.(\w+)", r"encoder.norm.\1"),
        Rename(rf"{plain}head_audioset\.(\w+)", r"encoder.label.\1"),
        *((Ignore(r"model\..+|_extra_state_", "caption decoder of CoNeTTE, not converted"),) if prefix else ()),
    ]


FORMATS = (
    Format(
        name="convnext-tiny",
        source="https://github.com/topel/audioset-convnext-inf",
        weights="https://zenodo.org/records/8020843",
        recognise=functools.partial(_recognise, ""),
        settings=functools.partial(_settings, ""),
        rules=functools.partial(_rules, ""),
    ),
    Format(
        name="conette-encoder",
        source="https://github.com/Labbeti/conette-audio-captioning",
        weights="https://huggingface.co/Labbeti/conette",
        recognise=functools.partial(_recognise, _CONETTE),
        settings=functools.partial(_settings, _CONETTE),
        rules=functools.partial(_rules, _CONETTE),
    ),
)
