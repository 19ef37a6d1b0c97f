from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.core.errors import InputError
from auricle.data.gate import find_active_segments

RATE = 16000


def bursts(*spans: tuple[float, float], seconds: float = 5.0, floor: float = 0.0, rate: int = RATE) -> np.ndarray:
    """Noise at -15 dBFS within the spans, noise at `floor` (linear) elsewhere."""
    rng = np.random.default_rng(0)
    samples = floor * rng.normal(size=round(seconds * rate))
    for onset, offset in spans:
        samples[round(onset * rate) : round(offset * rate)] = 0.18 * rng.normal(size=round(offset * rate) - round(onset * rate))
    return samples


@pytest.mark.parametrize("floor", [0.0, 1e-4, 3e-3])
def test_finds_events_in_digital_silence_and_in_hiss(floor: float) -> None:
    found = find_active_segments(bursts((0.5, 1.0), (2.0, 3.2), floor=floor), RATE)
    assert np.array(found) == pytest.approx(np.array([(0.5, 1.0), (2.0, 3.2)]), abs=0.03)


def test_bridges_short_pauses_only() -> None:
    assert len(find_active_segments(bursts((1.0, 1.5), (1.9, 2.5)), RATE)) == 1
    assert len(find_active_segments(bursts((1.0, 1.5), (2.1, 2.5)), RATE)) == 2
    assert len(find_active_segments(bursts((1.0, 1.5), (1.9, 2.5)), RATE, bridge=0.2)) == 2


def test_continuous_sound_is_one_event_over_the_whole_clip() -> None:
    (found,) = find_active_segments(bursts((0.0, 5.0)), RATE)
    assert found == pytest.approx((0.0, 5.0), abs=1e-9)


def test_padding_is_not_part_of_a_continuous_sound() -> None:
    (found,) = find_active_segments(bursts((0.0, 2.0)), RATE)
    assert found == pytest.approx((0.0, 2.0), abs=0.03)


def test_silence_and_next_to_nothing() -> None:
    assert find_active_segments(np.zeros(RATE), RATE) == []
    assert find_active_segments(np.zeros(0), RATE) == []
    assert find_active_segments(np.full(RATE, 1e-6), RATE) == []
    assert find_active_segments(np.ones(1), RATE) == [(0.0, 1 / RATE)]
    with pytest.raises(InputError, match="one channel"):
        find_active_segments(np.zeros((2, 10)), RATE)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40000), st.sampled_from([8000, 16000, 44100]))
def test_stretches_are_ordered_apart_and_inside(seed: int, length: int, rate: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=length) * np.repeat(rng.choice([0.0, 1e-3, 0.1], size=length // 500 + 1), 500)[:length]
    found = find_active_segments(samples, rate)
    assert all(0 <= onset < offset <= length / rate + 1e-12 for onset, offset in found)
    assert all(after[0] - before[1] > 0.5 for before, after in itertools.pairwise(found))
