from __future__ import annotations

import numpy as np
import pytest

from auricle.train.calibrate import fit_platt


def test_fitted_lines_recover_the_odds() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (4000, 2))
    chance = 1 / (1 + np.exp(-(0.5 * logits + np.array([-1.0, 1.0]))))
    lines = fit_platt(logits, rng.random((4000, 2)) < chance)
    assert lines.scale == pytest.approx(0.5, abs=0.05)
    assert lines.bias == pytest.approx([-1.0, 1.0], abs=0.15)
