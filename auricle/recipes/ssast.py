"""SSAST and Audio-MAE: self-supervised pretraining of a vision transformer by masked patch prediction.

SSAST (Gong et al. 2022, arXiv:2110.09784): 400 of 512 patches are masked in clusters, then matched within the clip and reconstructed; the
reconstruction loss has weight 10. Audio-MAE (Huang et al. 2022, arXiv:2207.06405): 80 % of the patches are masked, only the rest are
encoded, and a decoder reconstructs all. `method` selects one of them. The result is the encoder: `auricle.load` opens it; evaluate it by a
linear probe.

    auricle train ssast                                              a first run on synthetic sounds
    auricle train ssast --set data=sounds.jsonl --set size=published --set method=mae
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
from auricle.models.encoders.factory import open_encoder
from auricle.models.encoders.vit import ViT
from auricle.models.masked_prediction import MaskedAutoencoder, MaskedPatches, random_masks, split_patches
from auricle.models.model import Model
from auricle.nn.losses.masked_spectrogram import masked_patches, ssast
from auricle.recipes.recipe_config import RecipeConfig, compute_losses, encoder_settings, make_batches, make_model_config
from auricle.recipes.recordings import read_items
from auricle.recipes.result_folder import write_model_folder
from auricle.signal.presets import PRESETS
from auricle.train.batches import Batch, Batches
from auricle.train.trainer import TrainConfig, Training

_SMALL = {
    "family": "vit", "frontend": "kaldi-ast", "width": 128, "depth": 3, "heads": 4, "hidden": 256, "leading": 1, "patch": [16, 16],
    "stride": [16, 16], "frames": 160, "pooling": "patches",
}  # fmt: skip


class Config(RecipeConfig):
    """data: a manifest of recordings; labels and captions are not used. encoder: settings of a vision transformer, or the name of a size.

    method: 'ssast' or 'mae'. share: fraction of patches that is masked. cluster: side lengths, in patches, of the masked squares; one is
    drawn per batch (SSAST only). decoder: sizes of the decoder (Audio-MAE only).
    """

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "encoder": "ssast-base-patch",
            "batch": 24,
            "workers": 4,
            "train": {"steps": 500_000, "learning_rate": 1e-4, "precision": "bfloat16"},
        }
    }

    encoder: dict[str, Any] | str = _SMALL
    method: Literal["ssast", "mae"] = "ssast"
    share: Annotated[float, Field(gt=0, lt=1)] = 400 / 512
    cluster: tuple[int, ...] = (3, 4, 5)
    decoder: dict[Literal["width", "depth", "heads"], int] = {"width": 64, "depth": 1, "heads": 2}
    train: TrainConfig = TrainConfig(steps=150, learning_rate=1e-3)


class MaskedPatchLosses(nn.Module):
    """Computes the masked-prediction losses of a batch."""

    def __init__(self, model: Model, config: Config) -> None:
        super().__init__()
        assert isinstance(model.encoder, ViT)
        self.model, self.config = model, config
        mae = config.method == "mae"
        self.task: nn.Module = MaskedAutoencoder(model.encoder, **config.decoder) if mae else MaskedPatches(model.encoder)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Parts of the loss by name, each (); masks are drawn with torch's global generator, which the trainer seeds per step."""
        encoder = self.model.encoder
        assert isinstance(encoder, ViT)
        features = _fit_frames(batch.features, encoder)
        generator = torch.Generator().manual_seed(int(torch.randint(1 << 62, ())))
        times, bands = encoder.grid
        mae = self.config.method == "mae"
        cluster = 1 if mae else self.config.cluster[int(torch.randint(len(self.config.cluster), (), generator=generator))]
        count = round(self.config.share * times * bands)
        masked = random_masks(generator, len(features), times * bands, count, cluster=cluster, bands=bands).to(features.device)
        predicted = self.task(features, masked)
        if mae:
            return {"draw": masked_patches(predicted.reconstructed, predicted.patches, torch.ones_like(masked, dtype=torch.bool))}
        return ssast(predicted.matched, predicted.reconstructed, predicted.patches)


def build(config: Config) -> Training:
    """Build the training of this config."""
    torch.manual_seed(config.seed)
    items = read_items(config)
    encoder = encoder_settings(config.encoder)
    with torch.device("meta"):
        created = open_encoder(encoder)
    if not isinstance(created, ViT):
        raise InputError(f"encoder is of the family {encoder.get('family')}; wanted vit, the only one with patches to mask")
    preset = PRESETS[created.frontend]
    window = created.config.frames * preset.hop / preset.rate
    settings = make_model_config(encoder, name=config.method, window=window)
    model = Model(settings).train()
    batches = make_batches(config, items, created.frontend, window=window)
    return Training(
        model=MaskedPatchLosses(model, config),
        objective=compute_losses,
        batches=batches,
        settings=config.train,
        finish=lambda losses, out: finish(losses, out, items, batches),
    )


def finish(losses: nn.Module, out: Path, items: Sequence[Item], batches: Batches) -> dict[str, float]:
    """Write out/model. Returns the reconstruction error on the first batch, and that of predicting its mean patch."""
    assert isinstance(losses, MaskedPatchLosses)
    write_model_folder(losses.model.eval(), out, items)
    return reconstruction_error(losses, batches.batch(0))


@torch.no_grad()
def reconstruction_error(losses: MaskedPatchLosses, batch: Batch) -> dict[str, float]:
    """Squared error on masked patches: `draw` as in the loss, `mean` when the mean patch of the batch is predicted."""
    encoder = losses.model.encoder
    assert isinstance(encoder, ViT)
    torch.manual_seed(0)
    parts = losses(batch)
    patches = split_patches(_fit_frames(batch.features, encoder), encoder.config.patch)
    if losses.config.method == "mae":  # its patches are normalised to zero mean, so the best constant prediction is zero
        everywhere = torch.ones(patches.shape[:2], dtype=torch.bool)
        return {"draw": float(parts["draw"]), "mean": float(masked_patches(torch.zeros_like(patches), patches, everywhere))}
    return {"draw": float(parts["draw"]), "mean": 10 * float((patches - patches.mean(dim=(0, 1))).square().mean())}


def _fit_frames(features: Tensor, encoder: ViT) -> Tensor:
    """Crop or pad features (B, T, F) to the number of frames of the encoder."""
    frames = encoder.config.frames
    return functional.pad(features[:, :frames], (0, 0, 0, max(0, frames - features.shape[1])), value=encoder.config.fill)
