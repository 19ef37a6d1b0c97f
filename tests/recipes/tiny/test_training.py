"""auricle-tiny's own part of its training: composed batches as a feed, and its loss."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auricle.data.compose.feature_bank import FLOOR_DB, FeatureBank  # noqa: E402
from auricle.data.compose.features import ComposeConfig, Composer  # noqa: E402
from auricle.models.encoders.convolutional import ConvConfig  # noqa: E402
from auricle.models.model import Model  # noqa: E402
from auricle.train.trainer import Training, train  # noqa: E402
from recipes.tiny.training import ComposedBatches, FitConfig, Run, model_config, objective  # noqa: E402

RUN = Run(dim=10, encoder=ConvConfig(widths=(4, 8, 8, 12, 16), size=24))


def feed(config: FitConfig) -> ComposedBatches:
    """Six labels: clip i sounds in bands 8 i to 8 i + 7; clips 6 and 7 are backgrounds."""
    features, active = np.full((8, 60, 64), FLOOR_DB, np.float16), np.zeros((8, 60), bool)
    for i in range(8):
        features[i, 20:40, 8 * i : 8 * i + 8] = -20.0
        active[i, 20:40] = True
    starts, level = np.arange(9) * 60, np.full(8, -11.0, np.float32)
    bank = FeatureBank((1.0,), [features.reshape(-1, 64)], [starts], [active.reshape(-1)], level)
    labels = [(i,) for i in range(6)] + [(), ()]
    quiet = ComposeConfig(equaliser_db=0.0, mask_frames=0, mask_mels=0, band_limit_share=0.0)
    composer = Composer(bank, labels, pool=range(6), backgrounds=[6, 7], vocabulary=6, config=quiet)
    return ComposedBatches(composer, config, config.settings(seed=3))


def test_a_step_has_the_same_batch_wherever_the_stream_begins() -> None:
    config = FitConfig(epochs=2, epoch_clips=32, batch=8, frames=64, short_frames=32)
    whole = list(feed(config).stream(0, 8))
    assert [batch.features.shape[1] for batch in whole] == [32] * 5 + [64] * 3  # the first short_share of the steps is short
    for one, other in zip(whole[6:], feed(config).stream(6, 8), strict=True):
        assert torch.equal(one.features, other.features)
        assert all(torch.equal(one.targets[name], other.targets[name]) for name in ("share", "clip", "frames"))


def test_it_learns_to_tell_bands_apart(tmp_path: Path) -> None:
    config = FitConfig(epochs=6, epoch_clips=256, batch=16, frames=64, short_frames=32, ema_decay=0.9, rate=1e-2)
    torch.manual_seed(0)
    model = Model(model_config([str(place) for place in range(6)], RUN))
    words = torch.nn.functional.normalize(torch.randn(6, 10, generator=torch.Generator().manual_seed(1)), dim=-1)
    learnt, settings, losses = functools.partial(objective, text=words, config=config), config.settings(seed=3), []

    def watched(model: torch.nn.Module, batch: object) -> dict[str, torch.Tensor]:
        parts = learnt(model, batch)
        losses.append(parts["event"].item())
        return parts

    train(Training(model, watched, feed(config), settings), tmp_path, report=lambda line: None)
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])
