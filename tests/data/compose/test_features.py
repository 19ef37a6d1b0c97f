"""Composed batches carry true labels."""

from __future__ import annotations

import numpy as np

from auricle.data.compose.feature_bank import FLOOR_DB, FeatureBank
from auricle.data.compose.features import ComposeConfig, Composer

PLAIN = ComposeConfig(equaliser_db=0.0, mask_frames=0, mask_mels=0, band_limit_share=0.0)


def bank() -> FeatureBank:
    """Eight clips of 60 frames: clip i sounds in bands 8 i to 8 i + 7, in frames 20 to 39."""
    features = np.full((8, 60, 64), FLOOR_DB, np.float16)
    active = np.zeros((8, 60), bool)
    for i in range(8):
        features[i, 20:40, 8 * i : 8 * i + 8] = -20.0
        active[i, 20:40] = True
    return FeatureBank((1.0,), [features.reshape(-1, 64)], [np.arange(9) * 60], [active.reshape(-1)], np.full(8, -11.0, np.float32))


def composer(config: ComposeConfig = PLAIN) -> Composer:
    """Clips 0 to 5 are events of their own label, 6 and 7 unlabelled backgrounds."""
    labels = [(i,) for i in range(6)] + [(), ()]
    return Composer(bank(), labels, pool=range(6), backgrounds=[6, 7], vocabulary=6, config=config)


def test_truth_lies_where_the_sound_is() -> None:
    batch = composer().batch(np.random.default_rng(0), size=64, frames=64)
    loud = batch["features"].reshape(64, 16, 4, 8, 8).max(axis=(2, 4)) > -60.0  # (B, T / 4, bands of a label)
    assert np.array_equal(batch["frames"] > 0, loud[:, :, :6])
    assert np.array_equal(batch["clip"] > 0, (batch["frames"] > 0).any(axis=1))


def test_shares_sum_to_one_and_follow_the_level() -> None:
    batch = composer(ComposeConfig(scene_share=0.0, single_share=0.0, equaliser_db=0.0)).batch(np.random.default_rng(1), size=64, frames=64)
    labelled = batch["share"].sum(axis=1)
    assert np.allclose(labelled[labelled > 0], 1)


def test_one_seed_one_batch() -> None:
    first, second = (composer(ComposeConfig()).batch(np.random.default_rng(5), size=8, frames=32) for _ in range(2))
    assert all(np.array_equal(first[key], second[key]) for key in first)
