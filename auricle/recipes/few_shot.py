"""An encoder for few-shot classification, trained with prototypical or Siamese loss.

Prototypical networks (Snell et al. 2017, arXiv:1703.05175): each clip is classified by its distances to the means of the other clips of
every label in the batch. Siamese (Hadsell et al. 2006): embeddings of clips of one label are pulled together, others pushed apart up to a
margin. New labels are then recognised from a few examples (auricle teach, auricle fit); the suites fsdd-few and esc50-few evaluate it.

    auricle train few-shot                                           a first run on synthetic sounds
    auricle train few-shot --set data=labelled.jsonl --set method=siamese
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from auricle.core.config import EMBEDDING
from auricle.models.model import Model
from auricle.nn.losses.prototypes import prototypical, siamese
from auricle.recipes.recipe_config import Positive, RecipeConfig, compute_losses, make_batches, make_model_config
from auricle.recipes.recordings import label_vocabulary, read_items
from auricle.recipes.result_folder import write_trained
from auricle.train.batches import Batch
from auricle.train.trainer import TrainConfig, Training


class Config(RecipeConfig):
    """data: a manifest with labels; an item's first one is used. encoder: its settings. method: the loss. dim: width of embeddings.

    margin: of the Siamese loss.
    """

    encoder: dict[str, Any] = {"family": "gated", "stem": [16, 32, 48, 64, 96], "width": 128, "depth": 2, "heads": 4, "hidden": 256}
    method: Literal["prototypes", "siamese"] = "prototypes"
    dim: Positive = 64
    margin: Annotated[float, Field(gt=0)] = 1.0
    batch: Positive = 32
    train: TrainConfig = TrainConfig(steps=150, learning_rate=1e-3)


class FewShotModel(nn.Module):
    """Computes the loss of a batch with one label per clip."""

    def __init__(self, model: Model, config: Config) -> None:
        super().__init__()
        self.model, self.config = model, config

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss, (); embeddings are normalised to unit length for the Siamese loss only."""
        assert batch.labels is not None
        embeddings = self.model.apply_heads(self.model.encode(batch.features, batch.mask))[EMBEDDING]
        labels = batch.labels.argmax(dim=1)
        if self.config.method == "prototypes":
            return {"prototypes": prototypical(embeddings, labels)}
        return {"siamese": siamese(nn.functional.normalize(embeddings, dim=-1), labels, margin=self.config.margin)}


def build(config: Config) -> Training:
    """Build the training of this config."""
    torch.manual_seed(config.seed)
    items = read_items(config, "labels")
    labels = label_vocabulary(items, min_clips=2)
    name = f"few-shot-{config.method}"
    settings = make_model_config(config.encoder, name=name, window=config.window, dim=config.dim, projection="linear")
    return Training(
        model=FewShotModel(Model(settings).train(), config),
        objective=compute_losses,
        batches=make_batches(config, items, settings.frontend, labels=labels),
        settings=config.train,
        finish=lambda few_shot, out: write_trained(few_shot, out, items),
    )
