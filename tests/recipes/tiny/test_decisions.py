from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from auricle.core.config import CosineCalibration, LogitCalibration
from auricle.train.calibrate import PlattScaling
from recipes.tiny.decisions import Decisions
from recipes.tiny.training import Run, model_config


def test_decisions_stand_in_the_config_under_the_part_that_they_are_for() -> None:
    clip, frame = (
        PlattScaling(np.full(2, scale, np.float32), np.array([bias, 0], np.float32)) for scale, bias in ((2.0, -1.0), (0.5, 3.0))
    )
    found = Decisions(clip, frame, 0.3, 0.7, (6.0, -2.0)).applied(model_config(["a", "b"], Run()))
    assert found.clip is not None and found.frame is not None and found.text is not None
    assert found.clip.calibration == LogitCalibration(scale=(2.0, 2.0), bias=(-1.0, 0.0)) and found.clip.thresholds == (0.3, 0.3)
    assert found.frame.calibration == LogitCalibration(scale=(0.5, 0.5), bias=(3.0, 0.0)) and found.frame.thresholds == (0.7, 0.7)
    assert found.text.calibration == CosineCalibration(scale=6.0, bias=-2.0) and found.text.threshold == 0.5
