"""Augmentation: only in training, and only as much as was asked for."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from auricle.nn.augment import SpecAugment, mixup


def test_stripes_are_wiped_in_training_alone() -> None:
    torch.manual_seed(0)
    features = torch.randn(8, 100, 64)
    wipe = SpecAugment(time_masks=1, frames=20, mel_masks=1, mels=6)
    assert torch.equal(wipe.eval()(features), features)
    wiped = wipe.train()(features) != features
    whole_frames, whole_bands = wiped.all(dim=2).sum(dim=1), wiped.all(dim=1).sum(dim=1)
    assert wiped.any() and whole_frames.max() <= 20 and whole_bands.max() <= 6
    outside = wiped & ~wiped.all(dim=2, keepdim=True) & ~wiped.all(dim=1, keepdim=True)
    assert not outside.any()  # nothing but whole stripes
    assert len({tuple(row.tolist()) for row in wiped.all(dim=2)}) > 4  # each clip its own


def test_labels_are_mixed_as_their_sounds_are() -> None:
    torch.manual_seed(0)
    features, labels = torch.randn(4, 5, 3), torch.eye(4)
    mixed, shares = mixup(features, labels)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(4))
    torch.testing.assert_close(mixed, torch.einsum("bk,ktf->btf", shares, features))
    assert ((shares > 0).sum(dim=1) == 2).all()
