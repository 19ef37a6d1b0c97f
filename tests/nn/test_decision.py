"""Decisions by clip and by moment, and the parts of convolutions that keep padding out, against plain arithmetic."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from auricle.nn.conv import pad_frames, pooled_mask  # noqa: E402
from auricle.nn.decision import FrameHead, local_mean_max, logit_of_mean  # noqa: E402
from auricle.nn.squeeze import SqueezeExcitation, round_channels  # noqa: E402


def test_the_logit_of_a_mean_of_probabilities() -> None:
    torch.manual_seed(0)
    scores = 4.0 * torch.randn(2, 7, 3, dtype=torch.float64)
    weights = torch.rand(2, 7, 3, dtype=torch.float64)
    weights /= weights.sum(dim=1, keepdim=True)
    mean = (scores.sigmoid() * weights).sum(dim=1)
    assert torch.allclose(logit_of_mean(scores, weights.log()), mean.logit())


def test_it_stays_finite_where_probabilities_are_all_but_certain() -> None:
    scores = torch.tensor([[[300.0], [299.0]], [[-300.0], [-301.0]]])
    logits = logit_of_mean(scores, torch.full((2, 2, 1), 0.5).log())
    assert torch.isfinite(logits).all()
    assert logits[0, 0] > 100 > -100 > logits[1, 0]


def test_neighbours_are_counted_as_zero_beyond_the_ends() -> None:
    x = torch.tensor([1.0, 4.0, 2.0, 0.0])[None, :, None]
    assert local_mean_max(x)[0, :, 0].tolist() == pytest.approx([4 + 5 / 3, 4 + 7 / 3, 4 + 2, 2 + 2 / 3])


@pytest.mark.parametrize("pool", ["max", "mean", "attention"])
@torch.no_grad()
def test_padding_takes_no_part_in_a_decision(pool: str) -> None:
    torch.manual_seed(1)
    head = FrameHead(6, 5, 4, pool=pool)  # type: ignore[arg-type]
    maps = torch.rand(1, 9, 6)
    alone = head(maps, None)
    padded = head(torch.nn.functional.pad(maps, (0, 0, 0, 4)), torch.arange(13)[None] < 9)
    assert torch.allclose(alone[0], padded[0], atol=1e-6)
    assert torch.allclose(alone[2], padded[2], atol=1e-6)


def test_short_clips_are_filled_with_silence_that_counts() -> None:
    features = torch.ones(2, 3, 2)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    filled, real = pad_frames(features, mask, frames=5, silence=-9.0)
    assert filled[1, :, 0].tolist() == [1, -9, -9, -9, -9]
    assert real.tolist() == [[True] * 5] * 2
    filled, real = pad_frames(features, mask, frames=2, silence=-9.0)
    assert filled[:, :, 1].tolist() == [[1, 1, 1], [1, -9, -9]]
    assert real.tolist() == [[True, True, True], [True, True, False]]


def test_a_pooled_frame_is_real_where_all_of_its_frames_are() -> None:
    mask = torch.arange(11)[None] < torch.tensor([[11], [8], [7], [3]])
    assert pooled_mask(mask, 4).tolist() == [[True, True], [True, True], [True, False], [False, False]]


def test_widths_are_multiples_of_eight_not_far_below() -> None:
    assert [round_channels(width) for width in (1.6, 9.6, 16, 18, 27, 28, 92, 94.2)] == [8, 16, 16, 24, 32, 32, 96, 96]


@torch.no_grad()
def test_a_squeeze_weighs_by_real_frames_only() -> None:
    torch.manual_seed(2)
    squeeze = SqueezeExcitation(16)
    x = torch.randn(1, 16, 6, 4)
    padded = torch.nn.functional.pad(x, (0, 0, 0, 5), value=50.0)
    heard = squeeze(padded, torch.arange(11)[None] < 6)
    assert torch.allclose(heard[:, :, :6], squeeze(x, None), atol=1e-6)
