"""Encoders from settings: families by name, and the published sizes in models/configs."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from auricle.core.errors import ModelError

_SIZES = Path(__file__).resolve().parent.parent / "configs"

#: Family -> module of this package and the class in it. The class has `Config`, a strict config whose first field is the family.
FAMILIES: dict[str, tuple[str, str]] = {
    "htsat": ("htsat", "Htsat"),
    "cnn14": ("cnn14", "Cnn14"),
    "vit": ("vit", "ViT"),
    "beats": ("beats", "Beats"),
    "whisper": ("whisper", "WhisperEncoder"),
    "speech": ("speech", "SpeechEncoder"),
    "wavegram": ("wavegram", "WavegramCnn14"),
    "panns-mobilenet": ("panns_mobilenet", "PannsMobileNet"),
    "mobilenet": ("mobilenet", "MobileNet"),
    "convnext": ("convnext", "ConvNext"),
    "gated": ("gated", "Gated"),
    "convolutional": ("convolutional", "ConvEncoder"),
    "leaf": ("leaf", "LeafEncoder"),
}


def published_sizes() -> tuple[str, ...]:
    """Names of the published sizes, sorted."""
    return tuple(sorted(path.stem for path in _SIZES.glob("*.json")))


def published_size(name: str) -> dict[str, Any]:
    """Settings of a published size, such as 'htsat-tiny'. ModelError for an unknown name."""
    if name not in published_sizes():
        raise ModelError(f"no encoder size {name!r}; wanted one of {', '.join(published_sizes())}")
    settings: dict[str, Any] = json.loads((_SIZES / f"{name}.json").read_bytes())
    return settings


def open_encoder(settings: Mapping[str, Any]) -> nn.Module:
    """Build an encoder with random weights, in evaluation mode, from settings such as {"family": "htsat", "width": 96, ...}.

    ModelError for an unknown family or settings that are not valid.
    """
    family = settings.get("family")
    if family not in FAMILIES:
        raise ModelError(f"encoder family {family!r} is unknown; wanted one of {', '.join(FAMILIES)}")
    module, name = FAMILIES[family]
    encoder_class = getattr(importlib.import_module(f"auricle.models.encoders.{module}"), name)
    try:
        config = encoder_class.Config.model_validate_json(json.dumps(dict(settings)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        raise ModelError(f"settings of encoder {family!r}: {where}: {first['msg']} ({error.error_count()} problem(s))") from error
    encoder: nn.Module = encoder_class(config)
    return encoder.eval()
