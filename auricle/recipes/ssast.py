"""SSAST and Audio-MAE: a vision transformer that learns from sound alone, by patches that were hidden from it.

Gong et al. 2022 (arXiv:2110.09784): 400 of 512 patches hidden in clusters, matched within the clip and drawn again, joint loss with the
latter ten times. Huang et al. 2022 (arXiv:2207.06405): 80 % hidden, only the rest encoded, drawn again by a decoder. `game` says which.
What is kept is the encoder: `auricle.load` opens it, a linear probe scores it.

    auricle train ssast                                              a first run on made sounds, in seconds
    auricle train ssast --set data=sounds.jsonl --set size=published --set game=mae
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.errors import InputError
from auricle.data.item import Item
from auricle.models.encoders.factory import open_encoder, size
from auricle.models.encoders.vit import ViT
from auricle.models.masked_prediction import MaskedAutoencoder, MaskedPatches, cut, hidden_places
from auricle.models.model import Model
from auricle.nn.losses.masked_spectrogram import masked_patches, ssast
from auricle.recipes.result_folder import keep
from auricle.recipes.sounds import Sounds, decoded, opened, settings_of
from auricle.signal.presets import PRESETS
from auricle.train.batches import Batch, BatchConfig, Batches
from auricle.train.trainer import TrainConfig, Training

_SMALL = {
    "family": "vit", "frontend": "kaldi-ast", "width": 128, "depth": 3, "heads": 4, "hidden": 256, "leading": 1, "patch": [16, 16],
    "stride": [16, 16], "frames": 160, "pooling": "patches",
}  # fmt: skip


class Config(Sounds):
    """share: of the patches, that is hidden. cluster: side of the squares that are hidden together, drawn from these, in patches."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "encoder": "ssast-base-patch",
            "batch": 24,
            "workers": 4,
            "train": {"steps": 500_000, "learning_rate": 1e-4, "precision": "bfloat16"},
        }
    }

    encoder: dict[str, Any] | str = _SMALL
    game: Literal["ssast", "mae"] = "ssast"
    share: Annotated[float, Field(gt=0, lt=1)] = 400 / 512
    cluster: tuple[int, ...] = (3, 4, 5)
    decoder: dict[Literal["width", "depth", "heads"], int] = {"width": 64, "depth": 1, "heads": 2}
    train: TrainConfig = TrainConfig(steps=150, learning_rate=1e-3)


class MaskedPatchLosses(nn.Module):
    """A batch of sounds in, the parts of the loss out."""

    def __init__(self, model: Model, config: Config) -> None:
        super().__init__()
        assert isinstance(model.encoder, ViT)
        self.model, self.config = model, config
        mae = config.game == "mae"
        self.game: nn.Module = MaskedAutoencoder(model.encoder, **config.decoder) if mae else MaskedPatches(model.encoder)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Places are drawn by torch, whose state a checkpoint keeps."""
        encoder = self.model.encoder
        assert isinstance(encoder, ViT)
        features = batch.features[:, : encoder.config.frames]
        features = functional.pad(features, (0, 0, 0, encoder.config.frames - features.shape[1]), value=encoder.config.fill)
        generator = torch.Generator().manual_seed(int(torch.randint(1 << 62, ())))
        times, bands = encoder.grid
        mae = self.config.game == "mae"
        cluster = 1 if mae else self.config.cluster[int(torch.randint(len(self.config.cluster), (), generator=generator))]
        count = round(self.config.share * times * bands)
        hidden = hidden_places(generator, len(features), times * bands, count, cluster=cluster, bands=bands).to(features.device)
        guess = self.game(features, hidden)
        if mae:
            return {"draw": masked_patches(guess.rebuilt, guess.truth, torch.ones_like(hidden, dtype=torch.bool))}
        return ssast(guess.matched, guess.rebuilt, guess.truth)


def build(config: Config) -> Training:
    """A training of this config."""
    torch.manual_seed(config.seed)
    items = opened(config)
    encoder = size(config.encoder) if isinstance(config.encoder, str) else config.encoder
    with torch.device("meta"):
        made = open_encoder(encoder)
    if not isinstance(made, ViT):
        raise InputError(f"patches are hidden in encoders of the family vit alone, got {encoder.get('family')}")
    preset = PRESETS[made.frontend]
    window = made.config.frames * preset.hop / preset.rate
    settings = settings_of(encoder, name=config.game, window=window)
    model = Model(settings).train()
    batches = Batches(
        items,
        decoded(items, config.cache, rate=preset.rate),
        made.frontend,
        BatchConfig(batch=config.batch, seconds=window, seed=config.seed, workers=config.workers, captions="none"),
    )
    return Training(
        model=MaskedPatchLosses(model, config),
        objective=lambda game, batch: game(batch),
        batches=batches,
        settings=config.train,
        finish=lambda game, out: finish(game, out, items, batches),
    )


def finish(game: nn.Module, out: Path, items: Sequence[Item], batches: Batches) -> dict[str, float]:
    """Write out/model. Figures: squared error of drawing on the first batch, and that of the mean of all its patches."""
    assert isinstance(game, MaskedPatchLosses)
    keep(game.model.eval(), out, items)
    return drawn(game, batches.batch(0))


@torch.no_grad()
def drawn(game: MaskedPatchLosses, batch: Batch) -> dict[str, float]:
    """How well hidden patches are drawn: `draw` as in the loss, `mean` what the mean patch of the batch would get."""
    encoder = game.model.encoder
    assert isinstance(encoder, ViT)
    torch.manual_seed(0)
    parts = game(batch)
    torch.manual_seed(0)
    features = batch.features[:, : encoder.config.frames]
    features = functional.pad(features, (0, 0, 0, encoder.config.frames - features.shape[1]), value=encoder.config.fill)
    patches = cut(features, encoder.config.patch)
    if game.config.game == "mae":  # patches are brought to a mean of zero there, which is the best that one number can say
        everywhere = torch.ones(patches.shape[:2], dtype=torch.bool)
        return {"draw": float(parts["draw"]), "mean": float(masked_patches(torch.zeros_like(patches), patches, everywhere))}
    return {"draw": float(parts["draw"]), "mean": 10 * float((patches - patches.mean(dim=(0, 1))).square().mean())}
