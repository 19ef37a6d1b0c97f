"""What every recipe takes, and the recordings that it asks for: a manifest opened and decoded once, or made sounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field

from auricle.core.config import ModelConfig, Strict, encoder_config
from auricle.core.errors import InputError
from auricle.data import manifest
from auricle.data.item import Item
from auricle.data.waves import Waves, open_waves
from auricle.models.encoders.factory import open_encoder
from auricle.models.encoders.factory import size as size_of
from auricle.recipes import made
from auricle.train.trainer import TrainConfig

Positive = Annotated[int, Field(gt=0)]


class Sounds(Strict):
    """What every recipe takes.

    size: small, which two cores train, or as published: what SIZES says, unless it is set besides. data: a manifest, or made sounds.
    cache: where recordings lie decoded. window: seconds; a longer recording gives another stretch of itself each time, drawn by the seed.
    """

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {}

    data: Path | None = None
    size: Literal["small", "published"] = "small"
    cache: Path = Path("runs/cache")
    seed: int = 0
    window: Annotated[float, Field(gt=0)] = 10.0
    batch: Positive = 32
    workers: Positive = 1
    train: TrainConfig = TrainConfig(steps=200, learning_rate=2e-3)


def opened(config: Sounds) -> list[Item]:
    """Items of the manifest, or of made sounds, that have a caption or a label."""
    path = config.data or made.manifest(config.cache / "made")
    items = [item for item in manifest.read(path) if item.captions or item.labels]
    if not items:
        raise InputError(f"{path} has no item with a caption or a label; wanted a manifest with some, see docs/data.md")
    return items


def decoded(items: Sequence[Item], cache: Path, *, rate: int) -> Waves:
    """The recordings, decoded once. InputError where one cannot be read: a training says what it was trained on."""
    waves = open_waves(items, cache, rate=rate)
    if waves.failed:
        first, why = next(iter(waves.failed.items()))
        raise InputError(f"{len(waves.failed)} of {len(items)} recordings cannot be read, such as {items[first].audio}: {why}")
    return waves


def settings_of(encoder: dict[str, Any] | str, *, name: str, window: float, **more: Any) -> ModelConfig:
    """config.json of a model that is trained here. encoder: settings, or a published size. more: other fields; dim is the encoder's own."""
    chosen = size_of(encoder) if isinstance(encoder, str) else encoder
    with torch.device("meta"):
        made: Any = open_encoder(chosen)
    about = {"frontend": made.frontend, "window": window, "encoder": chosen, "dim": made.size}
    return encoder_config(name=name, source="trained by auricle", **{**about, **more})
