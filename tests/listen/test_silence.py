from __future__ import annotations

import math

import numpy as np
import pytest

from auricle.listen.silence import max_block_dbfs

RATE = 16_000


def test_loudness_is_that_of_the_loudest_tenth_of_a_second() -> None:
    sine = np.sin(2 * np.pi * 1000 * np.arange(1600) / RATE).astype(np.float32)
    assert max_block_dbfs(sine, rate=RATE) == pytest.approx(-3.01, abs=0.01)
    assert max_block_dbfs(np.concatenate([np.zeros(RATE, np.float32), sine * 0.01]), rate=RATE) == pytest.approx(-43.01, abs=0.01)


@pytest.mark.parametrize("length", [0, 1, 399, 1600, 2100, 50_000])
def test_silence_and_offsets_are_not_loud(length: int) -> None:
    assert max_block_dbfs(np.zeros(length, np.float32), rate=RATE) == -math.inf
    if length > 400:
        assert max_block_dbfs(np.full(length, 0.25, np.float32), rate=RATE) < -90


def test_one_sample_is_a_click() -> None:
    assert max_block_dbfs(np.array([0.5], np.float32), rate=RATE) == pytest.approx(-38.06, abs=0.01)
