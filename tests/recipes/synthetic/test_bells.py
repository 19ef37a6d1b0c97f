from __future__ import annotations

import numpy as np

from recipes.synthetic import bells
from recipes.synthetic.sound import RATE


def test_a_stroke_has_its_partials_and_higher_ones_decay_sooner() -> None:
    stroke = bells._struck(np.random.default_rng(0), bells.BAR, 400.0, 1.0, 1.0)
    early, late = stroke[: RATE // 2], stroke[2 * RATE : 2 * RATE + RATE // 2]
    for part, ratios in ((early, (1.0, 2.76)), (late, (1.0,))):
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
        for ratio in ratios:
            peak = round(400 * ratio / 2)
            assert spectrum[peak - 5 : peak + 6].max() > 20 * np.median(spectrum)
    high = [np.abs(np.fft.rfft(part * np.hanning(len(part))))[540:564].max() for part in (early, late)]
    low = [np.abs(np.fft.rfft(part * np.hanning(len(part))))[195:206].max() for part in (early, late)]
    assert high[1] / high[0] < 0.2 * low[1] / low[0]


def test_every_bell_rings() -> None:
    forms = {bells.bell(np.random.default_rng(seed), 0.5).settings["form"] for seed in range(30)}
    assert forms == set(bells._BELLS)
