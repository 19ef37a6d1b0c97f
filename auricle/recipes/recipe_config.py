"""RecipeConfig: settings that recipes with a training loop share; batches, objective and model config made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from auricle.core.config import ModelConfig, encoder_config
from auricle.data.item import Item
from auricle.models.encoders.factory import open_encoder, published_size
from auricle.recipes.recordings import DataConfig, decode_items
from auricle.signal.frontend import open_frontend
from auricle.train.batches import Batch, BatchConfig, Batches, Captioner, TargetEncoder
from auricle.train.trainer import TrainConfig

Positive = Annotated[int, Field(gt=0)]


class RecipeConfig(DataConfig):
    """Settings that all recipes with a training loop share.

    size: 'small' trains on two CPU cores; 'published' takes the defaults of SIZES, which other settings override. seed: of initial weights
    and batches. window: seconds; longer recordings are cropped at random. batch: clips per step. workers: threads that prepare batches.
    train: settings of the trainer.
    """

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {}

    size: Literal["small", "published"] = "small"
    seed: int = 0
    window: Annotated[float, Field(gt=0)] = 10.0
    batch: Positive = 32
    workers: Positive = 1
    train: TrainConfig = TrainConfig(steps=200, learning_rate=2e-3)


def make_batches(
    config: RecipeConfig,
    items: Sequence[Item],
    frontend: str,
    *,
    window: float | None = None,
    balanced: bool = False,
    labels: Sequence[str] = (),
    caption: Captioner | None = None,
    targets: Mapping[str, TargetEncoder] | None = None,
) -> Batches:
    """Batches of these items, decoded. window: seconds, those of the config by default. Texts come from `caption` alone; see Batches."""
    settings = BatchConfig(
        batch=config.batch,
        seconds=config.window if window is None else window,
        balanced=balanced,
        captions="none",
        seed=config.seed,
        workers=config.workers,
    )
    waves = decode_items(items, config.cache, rate=open_frontend(frontend).rate)
    return Batches(items, waves, frontend, settings, caption=caption, labels=labels, targets=targets)


def compute_losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Objective of a model whose forward pass gives the weighted parts of its loss, each ()."""
    parts: dict[str, Tensor] = model(batch)
    return parts


def encoder_settings(encoder: dict[str, Any] | str) -> dict[str, Any]:
    """Settings of an encoder, given as they are or as the name of a published size."""
    return published_size(encoder) if isinstance(encoder, str) else encoder


def make_model_config(encoder: dict[str, Any] | str, *, name: str, window: float, **more: Any) -> ModelConfig:
    """Config of a new model. encoder: settings, or the name of a published size. window: seconds. more: further fields; they override."""
    settings = encoder_settings(encoder)
    with torch.device("meta"):
        created: Any = open_encoder(settings)
    fields = {"frontend": created.frontend, "window": window, "encoder": settings, "dim": created.size}
    return encoder_config(name=name, source="trained by auricle", **{**fields, **more})
