"""The stack of four pictures: its pieces lie where they are said to, and its shrunk whole is torch's."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.signal.fusion import resize_frames, stack


@pytest.mark.parametrize("count", [20, 21, 37, 64, 500])
@pytest.mark.parametrize("smooth", [False, True])
def test_shrinking_is_torchs(count: int, smooth: bool) -> None:
    torch = pytest.importorskip("torch")
    features = np.random.default_rng(0).standard_normal((count, 5)).astype(np.float32)
    picture = torch.from_numpy(features)[None, None]
    theirs = torch.nn.functional.interpolate(picture, size=[20, 5], mode="bilinear", align_corners=False, antialias=smooth)[0, 0].numpy()
    assert np.abs(resize_frames(features, 20, smooth=smooth) - theirs).max() < 2e-5


def test_front_middle_and_back() -> None:
    features = np.repeat(np.arange(30, dtype=np.float32)[:, None], 3, axis=1)
    pictures = stack(features, 10, shrink="bilinear")
    assert pictures.shape == (4, 10, 3) and pictures.dtype == np.float32
    assert pictures[1:, :, 0].tolist() == [list(range(10)), list(range(10, 20)), list(range(20, 30))]
    assert np.allclose(pictures[0, :, 0], np.arange(1, 30, 3))


@pytest.mark.parametrize("count", [10, 7])
def test_a_short_clip_is_the_same_picture_four_times(count: int) -> None:
    features = np.random.default_rng(1).standard_normal((count, 3)).astype(np.float32)
    pictures = stack(features, 10, shrink="bilinear")
    assert all(np.array_equal(picture, features) for picture in pictures)
