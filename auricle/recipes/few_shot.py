"""An encoder that learns to tell kinds from a few examples: prototypes within a batch, or pairs that are alike or not (Siamese).

Snell et al. 2017 (arXiv:1703.05175): each clip is told by the means of the other clips of every label. Hadsell et al. 2006: clips of one
label are drawn together, others pushed apart up to a margin. Labels that never were trained are then told by their prototypes
(auricle teach, auricle fit); the suites fsdd-few and esc50-few score it.

    auricle train few-shot                                           a first run on made sounds, in seconds
    auricle train few-shot --set data=labelled.jsonl --set game=siamese
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from auricle.core.config import EMBEDDING
from auricle.data.item import Item
from auricle.models.model import Model
from auricle.nn.losses.prototypes import prototypical, siamese
from auricle.recipes.panns import vocabulary
from auricle.recipes.result_folder import keep
from auricle.recipes.sounds import Positive, Sounds, decoded, opened, settings_of
from auricle.signal.presets import PRESETS
from auricle.train.batches import Batch, BatchConfig, Batches
from auricle.train.trainer import TrainConfig, Training


class Config(Sounds):
    """data: a manifest with labels, of which an item's first counts. dim: width of the vectors. margin: of the Siamese game."""

    encoder: dict[str, Any] = {"family": "gated", "stem": [16, 32, 48, 64, 96], "width": 128, "depth": 2, "heads": 4, "hidden": 256}
    game: Literal["prototypes", "siamese"] = "prototypes"
    dim: Positive = 64
    margin: Annotated[float, Field(gt=0)] = 1.0
    batch: Positive = 32
    train: TrainConfig = TrainConfig(steps=150, learning_rate=1e-3)


class Kinds(nn.Module):
    """A batch with one label a clip in, the loss out."""

    def __init__(self, model: Model, config: Config) -> None:
        super().__init__()
        self.model, self.config = model, config

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Vectors of unit length for pairs, as they are for prototypes."""
        assert batch.labels is not None
        vectors = self.model.apply_heads(self.model.encode(batch.features, batch.mask))[EMBEDDING]
        kinds = batch.labels.argmax(dim=1)
        if self.config.game == "prototypes":
            return {"prototypes": prototypical(vectors, kinds)}
        return {"siamese": siamese(nn.functional.normalize(vectors, dim=-1), kinds, margin=self.config.margin)}


def build(config: Config) -> Training:
    """A training of this config."""
    torch.manual_seed(config.seed)
    items = [item for item in opened(config) if item.labels]
    labels = vocabulary(items, fewest=2)
    name = f"few-shot-{config.game}"
    settings = settings_of(config.encoder, name=name, window=config.window, dim=config.dim, projection="linear")
    model = Model(settings).train()
    batches = Batches(
        items,
        decoded(items, config.cache, rate=PRESETS[settings.frontend].rate),
        settings.frontend,
        BatchConfig(batch=config.batch, seconds=config.window, seed=config.seed, workers=config.workers, captions="none"),
        labels=labels,
    )
    return Training(
        model=Kinds(model, config),
        objective=lambda kinds, batch: kinds(batch),
        batches=batches,
        settings=config.train,
        finish=lambda kinds, out: finish(kinds, out, items),
    )


def finish(kinds: nn.Module, out: Path, items: Sequence[Item]) -> dict[str, float]:
    """Write out/model."""
    assert isinstance(kinds, Kinds)
    keep(kinds.model.eval(), out, items)
    return {}
