"""PANNs (qiuqiangkong/audioset_tagging_cnn): {'model': tensors}, with the matrices of its front-end."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from auricle.core.audioset import labels
from auricle.models.convert import blocks as shared
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import BANK, WINDOW, Format
from auricle.models.convert.rules import Ignore, Rename, Rule
from auricle.models.encoders.factory import published_size

SOURCE = "https://github.com/qiuqiangkong/audioset_tagging_cnn"
WEIGHTS = "https://zenodo.org/records/3987831"

#: Rows of the mel filterbank -> encoder size: the three rates differ in nothing else.
_RATES = {513: "cnn14", 257: "cnn14-16k", 129: "cnn14-8k"}


def window_from_kernel(kernel: Tensor) -> Tensor:
    """Window (W,) of a windowed Fourier kernel (bins, 1, W): its row for frequency zero."""
    return kernel[0, 0].clone()


def torchlibrosa_rules(prefix: str = "", *, bank: str = BANK, window: str = WINDOW) -> list[Rule]:
    """Rules for the matrices of torchlibrosa: the mel filterbank (bins, mels) and the window (W,). prefix: a pattern."""
    return [
        Rename(rf"{prefix}logmel_extractor\.melW", bank),
        Rename(rf"{prefix}spectrogram_extractor\.stft\.conv_real\.weight", window, window_from_kernel),
        Ignore(rf"{prefix}spectrogram_extractor\.stft\.conv_imag\.weight", "sine part of the Fourier transform, not needed"),
    ]


def cnn14_rules(prefix: str = "") -> list[Rule]:
    """Rules for a Cnn14, Cnn10 or Cnn6 (encoders.cnn14). prefix: a pattern."""
    return [
        Rename(rf"{prefix}bn0\.(\w+)", r"encoder.bands.\1"),
        Rename(rf"{prefix}conv_block(\d)\.conv(\d)\.weight", r"encoder.blocks.\1.conv\2.conv.weight"),
        Rename(rf"{prefix}conv_block(\d)\.bn(\d)\.(\w+)", r"encoder.blocks.\1.conv\2.norm.\3"),
        *_decision_rules(prefix),
    ]


def _decision_rules(prefix: str = "") -> list[Rule]:
    return [
        Rename(rf"{prefix}fc1\.(\w+)", r"encoder.head.embed.\1"),
        Rename(rf"{prefix}fc_audioset\.(\w+)", r"encoder.head.label.\1"),
        Rename(rf"{prefix}att_block\.cla\.weight", "encoder.head.label.weight", _flat),
        Rename(rf"{prefix}att_block\.cla\.bias", "encoder.head.label.bias"),
        Rename(rf"{prefix}att_block\.att\.weight", "encoder.head.attention.weight", _flat),
        Rename(rf"{prefix}att_block\.att\.bias", "encoder.head.attention.bias"),
        Ignore(rf"{prefix}att_block\.bn_att\..+", "not used by the published code"),
    ]


def _flat(kernel: Tensor) -> Tensor:
    """A 1-D kernel of size one (K, D, 1) as a matrix (K, D)."""
    return kernel.squeeze(-1)


def cnn14_sizes(tensors: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
    """Settings of encoders.cnn14, from tensor shapes. prefix: plain text."""
    return {
        "mels": tensors[f"{prefix}bn0.weight"].shape[0],
        "widths": cnn14_widths(tensors, prefix),
        "kernel": tensors[f"{prefix}conv_block1.conv1.weight"].shape[2],
        **_head_sizes(tensors, prefix),
    }


def cnn14_widths(tensors: Mapping[str, Tensor], prefix: str = "") -> list[int]:
    """Channels of each block."""
    return [tensors[f"{prefix}conv_block{block}.conv1.weight"].shape[0] for block in _blocks(tensors, prefix)]


def _head_sizes(tensors: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
    head = "fc_audioset" if f"{prefix}fc_audioset.weight" in tensors else "att_block.cla"
    return {"size": tensors[f"{prefix}fc1.weight"].shape[0], "labels": tensors[f"{prefix}{head}.weight"].shape[0]}


def _blocks(tensors: Mapping[str, Tensor], prefix: str = "") -> list[int]:
    return [block for block in range(1, 10) if f"{prefix}conv_block{block}.conv1.weight" in tensors]


def label_names(count: int) -> tuple[str, ...]:
    """AudioSet's labels if the number fits, else numbers: checkpoints have no label names."""
    return labels() if count == len(labels()) else tuple(f"label {index}" for index in range(count))


def _name(checkpoint: Checkpoint) -> str | None:
    """Name of the checkpoint's format; None if it is not of PANNs."""
    if not checkpoint.has("bn0.weight", "fc1.weight", "logmel_extractor.melW"):
        return None
    if checkpoint.has("features.0.0.weight"):
        return "panns-mobilenet-v2" if checkpoint.has("features.1.conv.0.weight") else "panns-mobilenet-v1"
    if checkpoint.has("pre_conv0.weight"):
        both_inputs = checkpoint.has("conv_block2.conv1.weight") and checkpoint.tensors["conv_block2.conv1.weight"].shape[1] == 128
        return "wavegram-logmel-cnn14" if both_inputs and checkpoint.tensors["bn0.weight"].shape[0] == 64 else None
    blocks = _blocks(checkpoint.tensors)
    if blocks == [1, 2, 3, 4]:
        return "cnn10" if checkpoint.has("conv_block1.conv2.weight") else "cnn6"
    return _cnn14_name(checkpoint) if blocks == [1, 2, 3, 4, 5, 6] else None


def _cnn14_name(checkpoint: Checkpoint) -> str | None:
    if checkpoint.has("att_block.cla.weight"):
        return "cnn14-decision-level-att"
    if not checkpoint.has("fc_audioset.weight"):
        return None
    # Clip-level and frame-level heads have the same tensors; only the published file name tells which.
    for name in (checkpoint.path.name, checkpoint.path.parent.name):
        if (match := re.search(r"decision[-_ ]?level[-_ ]?(max|avg)", name, re.IGNORECASE)) is not None:
            return f"cnn14-decision-level-{match[1].lower()}"
    return _RATES.get(checkpoint.tensors["logmel_extractor.melW"].shape[0])


def _settings(name: str, sizes: Callable[[Mapping[str, Tensor]], dict[str, Any]], checkpoint: Checkpoint) -> dict[str, Any]:
    encoder = published_size(name) | sizes(checkpoint.tensors)
    return {
        "frontend": encoder["frontend"],
        "window": 10.0,  # length of AudioSet clips, on which they were trained
        "policy": "any",
        "encoder": encoder,
        "dim": encoder["size"],
        "labels": label_names(encoder["labels"]),
        **shared.head_activation(encoder["labels"]),
    }


def _wavegram_rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    return [
        Rename(r"pre_conv0\.weight", "encoder.wave.first.weight"),
        Rename(r"pre_bn0\.(\w+)", r"encoder.wave.norm.\1"),
        Rename(r"pre_block([123])\.conv(\d)\.weight", r"encoder.wave.blocks.\1.conv\2.weight"),
        Rename(r"pre_block([123])\.bn(\d)\.(\w+)", r"encoder.wave.blocks.\1.norm\2.\3"),
        Rename(r"pre_block4\.conv(\d)\.weight", r"encoder.wave.picture.conv\1.conv.weight"),
        Rename(r"pre_block4\.bn(\d)\.(\w+)", r"encoder.wave.picture.conv\1.norm.\2"),
        *torchlibrosa_rules(bank="encoder.mel.bank", window="encoder.mel.window"),
        *cnn14_rules(),
    ]


def _plain_rules(checkpoint: Checkpoint) -> Sequence[Rule]:
    return [*torchlibrosa_rules(), *cnn14_rules()]


def _mobile_rules(parts: Sequence[tuple[str, str]]) -> Callable[[Checkpoint], Sequence[Rule]]:
    """parts: (pattern of a layer's convolution or norm, our name)."""
    rules: list[Rule] = [*torchlibrosa_rules(), Rename(r"bn0\.(\w+)", r"encoder.bands.\1"), *_decision_rules()]
    rules += [Rename(rf"features\.{pattern}\.(?P<own>\w+)", rf"encoder.{target}.\g<own>") for pattern, target in parts]
    return lambda checkpoint: rules


_V1 = (
    (r"0\.0", "stem.conv"),
    (r"0\.2", "stem.norm"),
    (r"(\d+)\.0", r"blocks.\1.depthwise.conv"),
    (r"(\d+)\.2", r"blocks.\1.depthwise.norm"),
    (r"(\d+)\.4", r"blocks.\1.project.conv"),
    (r"(\d+)\.5", r"blocks.\1.project.norm"),
)
_V2 = (
    (r"0\.0", "stem.conv"),
    (r"0\.2", "stem.norm"),
    (r"1\.conv\.0", "blocks.1.depthwise.conv"),  # the first block has no expansion
    (r"1\.conv\.2", "blocks.1.depthwise.norm"),
    (r"1\.conv\.4", "blocks.1.project.conv"),
    (r"1\.conv\.5", "blocks.1.project.norm"),
    (r"(\d+)\.conv\.0", r"blocks.\1.expand.conv"),
    (r"(\d+)\.conv\.1", r"blocks.\1.expand.norm"),
    (r"(\d+)\.conv\.3", r"blocks.\1.depthwise.conv"),
    (r"(\d+)\.conv\.5", r"blocks.\1.depthwise.norm"),
    (r"(\d+)\.conv\.7", r"blocks.\1.project.conv"),
    (r"(\d+)\.conv\.8", r"blocks.\1.project.norm"),
    (r"18\.0", "last.conv"),
    (r"18\.1", "last.norm"),
)


def _format(
    name: str,
    rules: Callable[[Checkpoint], Sequence[Rule]],
    sizes: Callable[[Mapping[str, Tensor]], dict[str, Any]],
) -> Format:
    return Format(
        name=name,
        source=SOURCE,
        weights=WEIGHTS,
        recognise=lambda checkpoint: _name(checkpoint) == name,
        settings=functools.partial(_settings, name, sizes),
        rules=rules,
    )


FORMATS = (
    *(
        _format(name, _plain_rules, cnn14_sizes)
        for name in (
            "cnn14",
            "cnn14-16k",
            "cnn14-8k",
            "cnn14-decision-level-max",
            "cnn14-decision-level-avg",
            "cnn14-decision-level-att",
            "cnn10",
            "cnn6",
        )
    ),
    _format("wavegram-logmel-cnn14", _wavegram_rules, _head_sizes),
    _format("panns-mobilenet-v1", _mobile_rules(_V1), _head_sizes),
    _format("panns-mobilenet-v2", _mobile_rules(_V2), _head_sizes),
)
