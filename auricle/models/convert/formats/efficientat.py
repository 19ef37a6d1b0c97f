"""EfficientAT (fschmid56/EfficientAT, models/mn): a plain state dict without front-end tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from auricle.core.config import Activation
from auricle.core.errors import ModelError
from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import Format
from auricle.models.convert.formats.panns import label_names
from auricle.models.convert.rules import Rename, Rule
from auricle.models.encoders.factory import published_size
from auricle.models.encoders.mobilenet import Row, rows
from auricle.signal.presets import PRESETS

#: Widths that the repository publishes or names (helpers/utils.py).
WIDTHS = (0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 2.0, 3.0, 4.0)
#: A tensor of each head -> the head's name.
_HEADS = {"classifier.2.weight": "mlp", "classifier.0.weight": "convolutional", "classifier.subspace_proj.weight": "attention"}
#: Heads of its other training scripts: DCASE 2020 task 1 (ex_dcase20.py), OpenMIC (ex_openmic.py), FSD50K (ex_fsd50k.py).
_OWN_HEADS: Mapping[int, Activation] = {10: "softmax", 20: "sigmoid", 200: "sigmoid"}
_LAST = 16  # index of the last convolution, after the stem and fifteen blocks


def _recognise(checkpoint: Checkpoint) -> bool:
    names = ("features.0.0.weight", "features.0.1.running_mean", "features.1.block.0.0.weight", f"features.{_LAST}.0.weight")
    return checkpoint.has(*names) and checkpoint.tensors["features.0.0.weight"].shape[1] == 1 and _head(checkpoint.tensors) is not None


def _head(tensors: Mapping[str, Tensor]) -> str | None:
    return next((head for name, head in _HEADS.items() if name in tensors), None)


def _layers(block: int, row: Row, inputs: int) -> dict[str, str]:
    """Layers of a block: our name -> pattern of the published name."""
    names = [*(("expand",) if row.inside != inputs else ()), "depthwise", *(("squeeze",) if row.squeeze else ()), "project"]
    return {name: rf"features\.{block}\.block\.{index}" for index, name in enumerate(names)}


def _width(tensors: Mapping[str, Tensor]) -> float:
    """Width multiplier of the checkpoint, by its channels."""
    for width in WIDTHS:
        inputs, fits = tensors["features.0.0.weight"].shape[0], True
        for block, row in enumerate(rows(width), start=1):
            for layer, pattern in _layers(block, row, inputs).items():
                kernel = tensors.get(pattern.replace("\\", "") + ".0.weight")
                wanted = row.outputs if layer == "project" else row.inside
                fits = fits and (layer == "squeeze" or (kernel is not None and kernel.shape[0] == wanted))
            inputs = row.outputs
        if fits:
            return width
    raise ModelError(f"a MobileNetV3 of an unknown width; wanted a width of EfficientAT: {', '.join(map(str, WIDTHS))}")


def _settings(checkpoint: Checkpoint) -> dict[str, Any]:
    tensors, name = checkpoint.tensors, checkpoint.path.stem
    # Strides, hop (ms) and bands are not in the file: only the published file name has them, and only where they are not the defaults.
    strides = re.search(r"_s([12])([12])([12])([12])(?![0-9])", name)
    variant = re.search(r"_(hop|mels)_(\d+)", name)
    head = _head(tensors)
    logits = {"mlp": "classifier.5.bias", "convolutional": "classifier.1.bias"}
    encoder = published_size("mobilenet-mn10") | {"width": _width(tensors), "head": head}
    if strides is not None:
        encoder["strides"] = [int(stride) for stride in strides.groups()]
    if variant is not None:
        encoder |= _frontend(variant[1], int(variant[2]))
    if head == "attention":
        encoder["heads"] = tensors["classifier.head_weight"].shape[1]
        encoder["labels"] = tensors["classifier.subspace_proj.bias"].shape[0] // (2 * encoder["heads"])
    else:
        encoder["labels"] = tensors[logits[str(head)]].shape[0]
    return {
        "frontend": encoder["frontend"],
        "window": 10.0,  # length of AudioSet clips, on which they were trained
        "policy": "any",
        "encoder": encoder,
        "dim": tensors[f"features.{_LAST}.0.weight"].shape[0],
        "labels": label_names(encoder["labels"]),
        **shared.head_activation(encoder["labels"], _OWN_HEADS),
    }


def _frontend(parameter: str, value: int) -> dict[str, Any]:
    """Settings of an encoder whose front-end has another hop or number of bands."""
    frontend = f"mobilenet-32k-{parameter}-{value}"
    if frontend not in PRESETS:
        raise ModelError(f"EfficientAT with {parameter} {value} is not supported; wanted a published model, such as hop_15 or mels_64")
    return {"frontend": frontend, "mels": PRESETS[frontend].mels}


def _flat(kernel: Tensor) -> Tensor:
    """A 1 x 1 kernel (K, D, 1, 1) as a matrix (K, D)."""
    return kernel.flatten(1)


def _conv_norm(published: str, ours: str) -> list[Rule]:
    """Rules for a convolution and its norm."""
    return [
        Rename(rf"{published}\.0\.weight", f"encoder.{ours}.conv.weight", shared.transpose_kernel),
        Rename(rf"{published}\.1\.(\w+)", rf"encoder.{ours}.norm.\1"),
    ]


def _rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    tensors = checkpoint.tensors
    rules = [*_conv_norm(r"features\.0", "stem"), *_conv_norm(rf"features\.{_LAST}", "last"), *_HEAD_RULES]
    inputs = tensors["features.0.0.weight"].shape[0]
    for block, row in enumerate(rows(_width(tensors)), start=1):
        for layer, pattern in _layers(block, row, inputs).items():
            if layer != "squeeze":
                rules += _conv_norm(pattern, f"blocks.{block}.{layer}")
                continue
            for published, ours in (("fc1", "narrow"), ("fc2", "widen")):
                target = rf"encoder.blocks.{block}.squeeze.{ours}.\1"
                rules.append(Rename(rf"{pattern}\.conc_se_layers\.0\.{published}\.(\w+)", target))
        inputs = row.outputs
    return rules


_HEAD_RULES: tuple[Rule, ...] = (
    Rename(r"classifier\.2\.(\w+)", r"encoder.head.hidden.\1"),
    Rename(r"classifier\.5\.(\w+)", r"encoder.head.label.\1"),
    Rename(r"classifier\.0\.weight", "encoder.head.label.weight", _flat),
    Rename(r"classifier\.1\.(\w+)", r"encoder.head.norm.\1"),
    Rename(r"classifier\.subspace_proj\.(\w+)", r"encoder.head.project.\1"),
    Rename(r"classifier\.head_weight", "encoder.head.weight"),
)

FORMATS = (
    Format(
        name="efficientat",
        source="https://github.com/fschmid56/EfficientAT",
        weights="https://github.com/fschmid56/EfficientAT/releases",
        recognise=_recognise,
        settings=_settings,
        rules=_rules,
    ),
)
