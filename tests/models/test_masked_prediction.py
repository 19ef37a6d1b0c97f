"""The games of hiding: how many patches are hidden, that nothing hidden is seen, and that what is there is what was cut out."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from auricle.core.errors import ModelError
from auricle.models.encoders.factory import open_encoder
from auricle.models.masked_prediction import MaskedAutoencoder, MaskedPatches, random_masks, split_patches

SETTINGS = {
    "family": "vit", "width": 32, "depth": 2, "heads": 2, "hidden": 64, "leading": 1, "patch": [4, 8], "stride": [4, 8], "frames": 24,
    "bands": 32, "pooling": "patches",
}  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("cluster", [1, 3])
def test_as_many_are_hidden_as_asked_for_and_each_once(cluster: int) -> None:
    places = random_masks(generator(), 5, 24, 17, cluster=cluster, bands=4)
    assert places.shape == (5, 17)
    assert all(len(set(row.tolist())) == 17 and row.max() < 24 for row in places)
    assert torch.equal(places, random_masks(generator(), 5, 24, 17, cluster=cluster, bands=4))


def test_clusters_lie_together() -> None:
    def neighbours(cluster: int) -> float:
        rows = random_masks(generator(), 50, 400, 100, cluster=cluster, bands=8)
        grid = torch.zeros(50, 400).scatter_(1, rows, 1.0).view(50, 50, 8)
        return float((grid[:, 1:] * grid[:, :-1]).sum())

    assert neighbours(4) > 1.5 * neighbours(1)


def test_hiding_all_or_nothing_is_refused() -> None:
    for hidden in (0, 24):
        with pytest.raises(ModelError, match="some, but not all"):
            random_masks(generator(), 1, 24, hidden)


@pytest.mark.parametrize("game", [MaskedPatches, lambda encoder: MaskedAutoencoder(encoder, width=16, depth=1, heads=2)])
@torch.no_grad()
def test_what_is_hidden_is_not_seen_and_is_what_was_there(game: type[MaskedPatches]) -> None:
    torch.manual_seed(0)
    model = game(open_encoder(SETTINGS)).eval()
    features = torch.randn(2, 24, 32, generator=generator(1))
    hidden = random_masks(generator(2), 2, 24, 18)
    guess = model(features, hidden)
    assert guess.reconstructed.shape == guess.patches.shape == (2, 18, 32)
    patches = split_patches(features, (4, 8))
    torch.testing.assert_close(guess.patches[1, 3], patches[1, hidden[1, 3]])
    time, band = divmod(int(hidden[0, 5]), 4)
    changed = features.clone()
    changed[0, 4 * time : 4 * time + 4, 8 * band : 8 * band + 8] += 9.0
    torch.testing.assert_close(model(changed, hidden).reconstructed, guess.reconstructed, rtol=1e-5, atol=1e-5)
    shown = next(place for place in range(24) if place not in hidden[0].tolist())
    time, band = divmod(shown, 4)
    changed = features.clone()
    changed[0, 4 * time : 4 * time + 4, 8 * band : 8 * band + 8] += 9.0
    assert not torch.allclose(model(changed, hidden).reconstructed[0], guess.reconstructed[0], atol=1e-4)
    torch.testing.assert_close(model(changed, hidden).reconstructed[1], guess.reconstructed[1], rtol=1e-5, atol=1e-5)
