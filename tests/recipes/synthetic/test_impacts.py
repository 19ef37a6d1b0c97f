from __future__ import annotations

import numpy as np

from recipes.synthetic import impacts
from recipes.synthetic.sound import RATE


def test_a_clock_ticks_at_its_rate() -> None:
    for seed in range(5):
        sound = impacts.clock(np.random.default_rng(seed), 6.0)
        envelope = np.abs(sound.samples[: 6 * RATE]).reshape(-1, RATE // 100).max(axis=1)
        loud = envelope > 0.3 * envelope.max()
        starts = np.flatnonzero(loud[1:] & ~loud[:-1])
        ticks = 1 + np.count_nonzero(np.diff(starts) > 8)
        assert abs(ticks - 6 * float(sound.settings["ticks_per_s"])) <= 2


def test_a_hit_decays_and_is_never_twice_the_same() -> None:
    rng = np.random.default_rng(0)
    blow = impacts.hit(rng, 100.0, 2000.0, 20, 0.03)
    assert np.abs(blow[: RATE // 50]).max() > 30 * np.abs(blow[RATE // 5 :]).max(initial=0.0)
    assert not np.array_equal(impacts.varied(rng, blow), impacts.varied(rng, blow))
