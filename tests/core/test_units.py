from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.core.units import clock, megabytes, percent, ticks


@pytest.mark.parametrize(
    ("seconds", "plain", "tenths"),
    [
        (0, "0:00", "0:00.0"),
        (4.26, "0:04", "0:04.3"),
        (59.97, "1:00", "1:00.0"),
        (3723.4, "1:02:03", "1:02:03.4"),
        (-1, "0:00", "0:00.0"),
    ],
)
def test_clock(seconds: float, plain: str, tenths: str) -> None:
    assert clock(seconds) == plain
    assert clock(seconds, tenths=True) == tenths


@settings(deadline=None)
@given(st.floats(0.01, 1e5), st.integers(2, 40))
def test_ticks_are_few_and_inside(duration: float, most: int) -> None:
    found = ticks(duration, most=most)
    assert found[0] == 0 and found == sorted(found) and found[-1] <= duration and len(found) <= most


def test_percent_never_claims_all_or_nothing() -> None:
    assert [percent(share) for share in (0, 0.001, 0.5, 0.999, 1)] == ["0 %", "under 1 %", "50 %", "99 %", "100 %"]


def test_megabytes() -> None:
    assert megabytes(15_340_000) == "15.3 MB"
