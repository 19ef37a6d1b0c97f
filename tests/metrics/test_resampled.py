"""Metrics of rows: only rows that have the field count, and any resample of them gives the metric of the resample."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.metrics import resampled

ROWS = [{"x": 1.0, "truth": "a", "right": 1.0}, {"x": None, "truth": "a", "right": 0.0}, {"truth": "b", "right": 1.0}, {"x": 4.0}]


@pytest.mark.parametrize(("measure", "wanted"), [(resampled.mean, 3.0), (resampled.median, 4.0)])
def test_rows_without_the_field_do_not_count(measure: object, wanted: float) -> None:
    metric = measure(ROWS, "x")  # type: ignore[operator]
    assert metric.rows.tolist() == [0, 3]
    assert metric.statistic(np.array([0, 3, 3])) == pytest.approx(wanted)


def test_the_values_of_a_mean_are_those_of_its_rows() -> None:
    metric = resampled.mean(ROWS, "x")
    assert metric.values is not None and metric.values.tolist() == [1.0, 4.0]
    assert resampled.median(ROWS, "x").values is None and not len(resampled.mean(ROWS, "none").rows)


def test_macro_is_the_mean_over_the_classes_that_were_drawn() -> None:
    metric = resampled.macro(ROWS[:3])
    assert metric.statistic(metric.rows) == pytest.approx((0.5 + 1) / 2)
    assert metric.statistic(np.array([0, 1, 1])) == pytest.approx(1 / 3)
