"""PANNs: multi-label audio tagging with SpecAugment and mixup.

Kong et al. 2020 (arXiv:1912.10211); code qiuqiangkong/audioset_tagging_cnn. CNN14 on log-mel spectrograms at 32 kHz, SpecAugment with
2 x 64 frames and 2 x 8 bands, mixup, Adam at 1e-3 in batches of 32, binary cross-entropy over 527 labels, class-balanced sampling.

    auricle train panns                                              a first run on synthetic sounds
    auricle train panns --set data=labelled.jsonl --set size=published
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field

from auricle.core.config import CLIP_LOGITS
from auricle.models.model import Model
from auricle.recipes.recipe_config import RecipeConfig, compute_losses, encoder_settings, make_batches, make_model_config
from auricle.recipes.recordings import label_vocabulary, read_items
from auricle.recipes.result_folder import write_trained
from auricle.tasks import registry
from auricle.train.objective import ObjectiveConfig, TaskHead, TaskObjective
from auricle.train.trainer import TrainConfig, Training


class Config(RecipeConfig):
    """data: a manifest with labels. encoder: its settings, or the name of a published size. mixup: strength, 0 for none.

    min_clips: labels with fewer recordings are ignored. balanced: class-balanced sampling, which draws each label equally often.
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


def build(config: Config) -> Training:
    """Build the training of this config."""
    torch.manual_seed(config.seed)
    items = read_items(config, "labels")
    labels = label_vocabulary(items, min_clips=config.min_clips)
    encoder = {**encoder_settings(config.encoder), "labels": len(labels)}
    model = Model(make_model_config(encoder, name="panns", window=config.window, labels=labels)).train()
    head = TaskHead(registry.find("tagging"), CLIP_LOGITS, model.config.outputs[CLIP_LOGITS])
    targets = {CLIP_LOGITS: lambda item, start, seconds: head.task.encode(item.labels, head.spec, seconds)}
    return Training(
        model=TaskObjective(model, [head], ObjectiveConfig(mixup=config.mixup, spec_augment=True)),
        objective=compute_losses,
        batches=make_batches(config, items, model.config.frontend, balanced=config.balanced, labels=labels, targets=targets),
        settings=config.train,
        finish=lambda tagger, out: write_trained(tagger, out, items),
    )
