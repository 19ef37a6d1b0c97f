"""Clips of several lengths in one batch: grouped by length, and joined in their order."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.runtime.masked import clips_by_length, join


def _mask(lengths: list[int], longest: int) -> np.ndarray:
    return np.arange(longest) < np.array(lengths)[:, None]


@pytest.mark.parametrize("shape", [(4, 7), (4, 7, 3), (4, 2, 7, 3)])
def test_groups_hold_the_real_steps_of_each_clip(shape: tuple[int, ...]) -> None:
    features = np.random.default_rng(0).normal(size=shape)
    lengths = [5, 7, 5, 1]
    groups = clips_by_length(features, _mask(lengths, 7))
    assert sorted(groups) == [(0, 2), (1,), (3,)]
    axis = 1 if len(shape) == 2 else len(shape) - 2
    for rows, clips in groups.items():
        for row, clip in zip(rows, clips, strict=True):
            np.testing.assert_array_equal(clip, features[row].take(range(lengths[row]), axis=axis - 1))


def test_outputs_come_back_in_the_order_of_the_batch() -> None:
    rng = np.random.default_rng(1)
    vectors, frames = rng.normal(size=(3, 2)), rng.normal(size=(3, 4, 2))
    joined = join({(1,): {"v": vectors[1:2], "frames": frames[1:2]}, (0, 2): {"v": vectors[::2], "frames": frames[::2, :3]}})
    np.testing.assert_array_equal(joined["v"], vectors)
    np.testing.assert_array_equal(joined["mask"], _mask([3, 4, 3], 4))
    np.testing.assert_array_equal(joined["frames"], np.where(joined["mask"][..., None], frames, 0))


@pytest.mark.parametrize("mask", [_mask([2, 0], 4), _mask([2, 3], 5), ~_mask([2, 3], 4), np.ones(4, bool)])
def test_a_mask_of_other_clips_is_refused(mask: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"wanted \(2, 4\)"):
        clips_by_length(np.zeros((2, 4, 3)), mask)
