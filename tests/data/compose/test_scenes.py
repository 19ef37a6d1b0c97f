from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.data.compose.scenes import Mix, Source, compose_scene

RATE = 8000


def tone(frequency: float, label: str, *, seconds: float = 1.0, lead: float = 0.5) -> Source:
    """A tone between two silences."""
    time = np.arange(round(seconds * RATE)) / RATE
    pad = np.zeros(round(lead * RATE))
    return Source(np.concatenate([pad, 0.3 * np.sin(2 * np.pi * frequency * time), pad]), (label,))


CLIPS = [tone(440, "dog"), tone(880, "cat"), tone(1500, "siren", seconds=14.0), tone(3000, "rain")]
BEDS = [Source(np.random.default_rng(0).normal(size=3 * RATE) * 0.01, ("rain",))]


def test_truth_is_where_the_energy_is() -> None:
    for seed in range(20):
        samples, events = compose_scene(np.random.default_rng(seed), CLIPS, BEDS, rate=RATE)
        assert samples.shape == (10 * RATE,) and samples.dtype == np.float32 and np.abs(samples).max() <= 0.95
        assert 1 <= len(events) <= 3
        for event in events:
            assert 0 <= event.onset < event.offset <= 10.0
            frequency = {"dog": 440, "cat": 880, "siren": 1500}[event.label]
            inside, outside = _strength(samples, frequency, event.onset, event.offset)
            assert inside > 3 * outside


def _strength(samples: np.ndarray, frequency: float, onset: float, offset: float) -> tuple[float, float]:
    time = np.arange(len(samples)) / RATE
    wave = samples * np.exp(-2j * np.pi * frequency * time)
    within = (time >= onset) & (time < offset)
    outside = abs(wave[~within].mean()) if (~within).any() else 0.0
    return abs(wave[within].mean()), outside


def test_same_seed_same_scene_and_no_word_twice() -> None:
    first, events = compose_scene(np.random.default_rng(7), CLIPS + CLIPS, BEDS, rate=RATE, mix=Mix(events=(4, 4)))
    again, _ = compose_scene(np.random.default_rng(7), CLIPS + CLIPS, BEDS, rate=RATE, mix=Mix(events=(4, 4)))
    assert (first == again).all()
    labels = [event.label for event in events]
    assert len(labels) == len(set(labels)) == 3  # the rain of the bed is not laid over itself


def test_events_stand_above_the_bed_as_asked() -> None:
    mix = Mix(seconds=4.0, events=(1, 1), snr=(20.0, 20.0), level=(-40.0, -40.0))
    samples, (event,) = compose_scene(np.random.default_rng(1), CLIPS[:1], BEDS, rate=RATE, mix=mix)
    inside = samples[round(event.onset * RATE) : round(event.offset * RATE)]
    assert 10 * np.log10(np.mean(inside.astype(float) ** 2)) == pytest.approx(-20.0, abs=0.5)


def test_without_a_bed_and_without_clips() -> None:
    samples, events = compose_scene(np.random.default_rng(0), CLIPS[:1], [], rate=RATE)
    assert len(events) == 1 and np.isfinite(samples).all()
    with pytest.raises(InputError, match="no clips"):
        compose_scene(np.random.default_rng(0), [], BEDS, rate=RATE)
