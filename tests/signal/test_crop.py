"""Length policies: what fills a short clip, what a long one loses."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.signal.crop import fit


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("any", [1, 2, 3]),
        ("zero", [1, 2, 3, 0, 0, 0, 0, 0]),
        ("tile", [1, 2, 3, 1, 2, 3, 1, 2]),
        ("repeatpad", [1, 2, 3, 1, 2, 3, 0, 0]),
        ("head", [1, 2, 3, 0, 0, 0, 0, 0]),
        ("center", [1, 2, 3, 0, 0, 0, 0, 0]),
    ],
)
def test_short_clips(policy: str, wanted: list[int]) -> None:
    assert fit(np.array([1, 2, 3], np.float32), 8, policy).tolist() == wanted


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [("any", [1, 2, 3, 4, 5]), ("zero", [1, 2]), ("tile", [1, 2]), ("repeatpad", [1, 2]), ("head", [1, 2]), ("center", [2, 3])],
)
def test_long_clips(policy: str, wanted: list[int]) -> None:
    assert fit(np.array([1, 2, 3, 4, 5], np.float32), 2, policy).tolist() == wanted


@pytest.mark.parametrize("policy", ["any", "zero", "tile", "repeatpad", "head", "center"])
def test_channels_type_and_source_are_kept(policy: str) -> None:
    samples = np.arange(6, dtype=np.float32).reshape(2, 3)
    before = samples.copy()
    found = fit(samples, 7, policy)
    assert found.dtype == np.float32 and np.array_equal(found[:, :3], before) and np.array_equal(samples, before)
    assert fit(samples, 3, policy) is samples


def test_what_cannot_be_fitted_is_refused() -> None:
    samples = np.ones(3, np.float32)
    with pytest.raises(InputError, match="wanted one of any, zero, tile"):
        fit(samples, 4, "random")
    with pytest.raises(InputError, match="at least one sample"):
        fit(samples, 0, "zero")
    with pytest.raises(InputError, match="at least one sample"):
        fit(samples[:0], 4, "tile")
