"""PANNs: multi-label audio tagging with SpecAugment and mixup.

Kong et al. 2020 (arXiv:1912.10211); code qiuqiangkong/audioset_tagging_cnn. CNN14 on log-mel spectrograms at 32 kHz, SpecAugment with
2 x 64 frames and 2 x 8 bands, mixup, Adam at 1e-3 in batches of 32, binary cross-entropy over 527 labels, class-balanced sampling.

    auricle train panns                                              a first run on synthetic sounds, in seconds
    auricle train panns --set data=labelled.jsonl --set size=published
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.errors import InputError
from auricle.data.item import Item
from auricle.models.encoders.factory import published_size
from auricle.models.model import Model
from auricle.nn.augment import SpecAugment, mixup
from auricle.recipes.recipe_config import RecipeConfig, decode_items, make_model_config, read_items
from auricle.recipes.result_folder import write_model_folder
from auricle.signal.presets import PRESETS
from auricle.train.batches import Batch, BatchConfig, Batches
from auricle.train.trainer import TrainConfig, Training


class Config(RecipeConfig):
    """data: a manifest with labels. min_clips: labels with fewer recordings are ignored. mixup: strength, 0 for none.

    balanced: class-balanced sampling, which draws each label equally often.
    """

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "encoder": "cnn14",
            "batch": 32,
            "workers": 4,
            "train": {"steps": 600_000, "learning_rate": 1e-3, "weight_decay": 0.0},
        }
    }

    encoder: dict[str, Any] | str = {
        "family": "cnn14", "frontend": "panns-16k", "mels": 64, "widths": [16, 32, 64], "halvings": 3, "size": 64,
    }  # fmt: skip
    min_clips: Annotated[int, Field(gt=0)] = 1
    mixup: Annotated[float, Field(ge=0)] = 0.2
    balanced: bool = True
    train: TrainConfig = TrainConfig(steps=200, learning_rate=2e-3)


class Tagger(nn.Module):
    """Computes the loss of a batch with labels."""

    def __init__(self, model: Model, *, mixup: float) -> None:
        super().__init__()
        self.model, self.mixup, self.augment = model, mixup, SpecAugment()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Mean binary cross-entropy over all labels, ()."""
        assert batch.labels is not None
        features, labels = self.augment(batch.features), batch.labels
        mask: Tensor | None = batch.mask
        if self.mixup and self.training:
            features, labels = mixup(features, labels, alpha=self.mixup)
            mask = batch.mask | batch.mask.roll(1, dims=0)
        clip = self.model.encode(features, mask).clip_logits
        assert clip is not None
        return {"labels": functional.binary_cross_entropy_with_logits(clip, labels)}


def build(config: Config) -> Training:
    """Build the training of this config."""
    torch.manual_seed(config.seed)
    items = [item for item in read_items(config) if item.labels]
    labels = label_vocabulary(items, min_clips=config.min_clips)
    encoder = {**(published_size(config.encoder) if isinstance(config.encoder, str) else config.encoder), "labels": len(labels)}
    model = Model(make_model_config(encoder, name="panns", window=config.window, labels=labels)).train()
    batches = Batches(
        items,
        decode_items(items, config.cache, rate=PRESETS[model.config.frontend].rate),
        model.config.frontend,
        BatchConfig(
            batch=config.batch,
            seconds=config.window,
            balanced=config.balanced,
            seed=config.seed,
            workers=config.workers,
            captions="none",
        ),
        labels=labels,
    )
    return Training(
        model=Tagger(model, mixup=config.mixup),
        objective=lambda tagger, batch: tagger(batch),
        batches=batches,
        settings=config.train,
        finish=lambda tagger, out: finish(tagger, out, items),
    )


def label_vocabulary(items: Sequence[Item], *, min_clips: int) -> tuple[str, ...]:
    """Labels with at least `min_clips` items, sorted. InputError where there are none."""
    counts = Counter(label for item in items for label in item.labels)
    labels = tuple(sorted(label for label, clips in counts.items() if clips >= min_clips))
    if not labels:
        raise InputError(f"no label has {min_clips} recordings; wanted a manifest with labels, or a smaller value of min_clips")
    return labels


def finish(tagger: nn.Module, out: Path, items: Sequence[Item]) -> dict[str, float]:
    """Write out/model."""
    assert isinstance(tagger, Tagger)
    write_model_folder(tagger.model.eval(), out, items)
    return {}
