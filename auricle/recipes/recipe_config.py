"""RecipeConfig: settings that all recipes share; reading and decoding of the recordings of a manifest, or of synthetic sounds."""

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
from auricle.models.encoders.factory import open_encoder, published_size
from auricle.recipes import synthetic
from auricle.train.trainer import TrainConfig

Positive = Annotated[int, Field(gt=0)]


class RecipeConfig(Strict):
    """Settings that all recipes share.

    data: path of a manifest; synthetic sounds without one. size: 'small' trains on two CPU cores; 'published' takes the defaults of SIZES,
    which other settings override. cache: folder of decoded recordings. window: seconds; longer recordings are cropped at random.
    batch: clips per step. workers: threads that prepare batches.
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


def read_items(config: RecipeConfig) -> list[Item]:
    """Items with a caption or a label, of the manifest or of synthetic sounds. InputError where there are none."""
    path = config.data or synthetic.write_manifest(config.cache / "made")
    items = [item for item in manifest.read(path) if item.captions or item.labels]
    if not items:
        raise InputError(f"{path} has no item with a caption or a label; wanted a manifest with captions or labels, see docs/data.md")
    return items


def decode_items(items: Sequence[Item], cache: Path, *, rate: int) -> Waves:
    """Decode the recordings, or reuse those in the cache. InputError where one cannot be read: its model would list it as training data."""
    waves = open_waves(items, cache, rate=rate)
    if waves.failed:
        first, why = next(iter(waves.failed.items()))
        raise InputError(f"{len(waves.failed)} of {len(items)} recordings cannot be read, such as {items[first].audio}: {why}")
    return waves


def make_model_config(encoder: dict[str, Any] | str, *, name: str, window: float, **more: Any) -> ModelConfig:
    """Config of a new model. encoder: settings, or the name of a published size. window: seconds. more: further fields; they override."""
    settings = published_size(encoder) if isinstance(encoder, str) else encoder
    with torch.device("meta"):
        created: Any = open_encoder(settings)
    fields = {"frontend": created.frontend, "window": window, "encoder": settings, "dim": created.size}
    return encoder_config(name=name, source="trained by auricle", **{**fields, **more})
