"""The gated encoder: loudness, reach, and order that can be told from the pooled vector."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from auricle.core.errors import ModelError
from auricle.models.encoders.factory import open_encoder
from auricle.nn.gated import Rotary, apply_rotary
from auricle.nn.pooling import mean_max

SMALL = {"family": "gated", "stem": [8, 8, 16, 16, 16], "width": 32, "depth": 3, "heads": 2, "hidden": 48, "labels": 5}


def encoder(**changes: object) -> torch.nn.Module:
    torch.manual_seed(0)
    made = open_encoder({**SMALL, **changes})
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return made


def features(frames: int, seed: int = 0) -> Tensor:
    return -60 + 15 * torch.randn(1, frames, 64, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_loudness_changes_nothing_and_order_does() -> None:
    model = encoder()
    first, second = features(80, 1), features(80, 2)
    one_way, other = torch.cat([first, second], dim=1), torch.cat([second, first], dim=1)
    torch.testing.assert_close(model(one_way).pooled, model(one_way + 12.0).pooled, rtol=1e-4, atol=1e-4)
    assert (model(one_way).pooled - model(other).pooled).abs().max() > 1e-3


@torch.no_grad()
def test_an_ordered_encoder_adds_the_drift_of_its_frames() -> None:
    model = encoder(ordered=True)
    heard = model(torch.cat([features(80, 1), features(80, 2) + 30.0], dim=1))
    added = heard.pooled - mean_max(heard.frames)
    torch.testing.assert_close(added, model.drift(heard.frames), rtol=1e-4, atol=1e-5)
    assert added.norm() > 0.01


@torch.no_grad()
def test_narrow_blocks_see_only_what_is_near() -> None:
    model = encoder(reach=2, depth=1)
    clip, other = features(160, 1), features(160, 2)
    tokens, _ = model.embed_tokens(clip, None)
    changed = tokens.clone()
    changed[:, -1] = model.embed_tokens(other, None)[0][:, -1]
    moved = (model.transform(tokens, None)[0] - model.transform(changed, None)[0]).abs().amax(dim=2)[0]
    assert (moved[-3:] > 0).all() and (moved[:-3] == 0).all()


def test_rotary_products_know_distances_alone() -> None:
    rotary = Rotary(8, axes=2)
    query, key = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(0))

    def product(one: tuple[float, float], other: tuple[float, float]) -> Tensor:
        places = [rotary.rotations(torch.tensor([place])) for place in (one, other)]
        return (apply_rotary(query, places[0]) * apply_rotary(key, places[1])).sum()

    torch.testing.assert_close(product((3.0, 1.0), (5.0, 4.0)), product((13.0, 21.0), (15.0, 24.0)))
    assert not torch.isclose(product((3.0, 1.0), (5.0, 4.0)), product((3.0, 1.0), (5.0, 3.0)))


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError, match="an even width per head"):
        encoder(width=30, heads=4)
