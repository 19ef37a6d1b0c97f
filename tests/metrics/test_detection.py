from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.metrics import detection
from auricle.metrics.matching import maximum_matching

from . import slow


def event(onset: float, offset: float, label: str = "dog") -> Event:
    return Event(label, onset, offset, 1.0)


events = st.lists(
    st.builds(
        lambda label, onset, length: Event(label, onset, onset + length, 1.0),
        st.sampled_from(["dog", "rain"]),
        st.floats(0, 8),
        st.floats(0.05, 3),
    ),
    max_size=5,
)


@settings(max_examples=50, deadline=None)
@given(events)
def test_perfect_estimate_is_best(found: list[Event]) -> None:
    values = detection.evaluate({"a": found}, {"a": found}, durations={"a": 12.0})
    assert all(value == 1.0 or (math.isnan(value) and not found) for value in values.values())


@settings(max_examples=50, deadline=None)
@given(events, events)
def test_swapping_sides_swaps_misses_and_false_alarms(first: list[Event], second: list[Event]) -> None:
    for count in (
        lambda a, b: detection.collar_counts(a, b, offset_ratio=0.0),
        lambda a, b: detection.segment_counts(a, b, durations={"a": 12.0}),
    ):
        one, other = count({"a": first}, {"a": second}), count({"a": second}, {"a": first})
        assert (one.tp == other.tp).all() and (one.fp == other.fn).all() and (one.fn == other.fp).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2**16 - 1))
def test_matching_is_the_largest(rows: int, columns: int, bits: int) -> None:
    allowed = np.array([bool(bits >> place & 1) for place in range(rows * columns)]).reshape(rows, columns)
    pairs = maximum_matching(allowed)
    assert len(pairs) == slow.largest_matching(allowed)
    assert all(allowed[pair] for pair in pairs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)


@pytest.mark.parametrize(
    ("estimate", "right"),
    [
        (event(1.2, 2.0), True),  # exactly 200 ms late
        (event(1.21, 2.0), False),
        (event(1.0, 2.2), True),
        (event(1.0, 2.21), False),
        (event(1.0, 2.0, "cat"), False),
    ],
)
def test_collars_on_a_short_event(estimate: Event, right: bool) -> None:
    assert detection.collar_counts({"a": [event(1.0, 2.0)]}, {"a": [estimate]}).tp.sum() == right


def test_offset_collar_grows_with_length() -> None:
    reference = {"a": [event(0.0, 10.0)]}
    assert detection.collar_counts(reference, {"a": [event(0.0, 8.0)]}).micro() == 1.0
    assert detection.collar_counts(reference, {"a": [event(0.0, 7.9)]}).micro() == 0.0


def test_segments_and_intersection_by_hand() -> None:
    reference, estimate = {"a": [event(0.5, 2.5)]}, {"a": [event(1.5, 4.0)]}
    counts = detection.segment_counts(reference, estimate, durations={"a": 5.0})
    assert (counts.tp.sum(), counts.fp.sum(), counts.fn.sum()) == (2, 1, 1)
    half = detection.intersection_counts(reference, estimate, dtc_threshold=0.4, gtc_threshold=0.5)
    assert (half.tp.sum(), half.fp.sum(), half.fn.sum()) == (1, 0, 0)
    strict = detection.intersection_counts(reference, estimate, dtc_threshold=0.41, gtc_threshold=0.5)
    assert (strict.tp.sum(), strict.fp.sum(), strict.fn.sum()) == (0, 1, 1)


def test_macro_leaves_out_labels_that_never_occur_and_take_resamples() -> None:
    reference = {"a": [event(0, 1)], "b": []}
    estimate = {"a": [event(0, 1)], "b": [event(0, 1)]}
    counts = detection.collar_counts(reference, estimate, ["dog", "rain"])
    assert counts.macro() == pytest.approx(2 / 3)
    assert counts.take(np.array([0, 0])).macro() == 1.0
    assert math.isnan(detection.collar_counts({"a": []}, {"a": []}, ["dog"]).macro())


def test_bad_input_says_what_to_do() -> None:
    with pytest.raises(InputError, match="'b' is in only one"):
        detection.collar_counts({"a": [], "b": []}, {"a": []})
    with pytest.raises(InputError, match="wanted 0 <= onset < offset"):
        detection.collar_counts({"a": [event(2, 1)]}, {"a": []})


@pytest.mark.parametrize(("onset", "offset"), [(2, 2), (2, 1), (-1, 1), (math.nan, 1), (0, math.nan), (0, math.inf), (math.inf, math.inf)])
def test_times_that_are_none_are_refused_on_either_side(onset: float, offset: float) -> None:
    for reference, estimate in (([event(onset, offset)], []), ([], [event(onset, offset)])):
        with pytest.raises(InputError, match=f"a: 'dog' from {onset} to {offset} s; wanted 0 <= onset < offset, finite"):
            detection.evaluate({"a": reference}, {"a": estimate}, durations={"a": 5.0})


def test_a_reference_past_the_end_of_its_file_is_refused_and_an_estimate_is_cut() -> None:
    with pytest.raises(InputError, match=r"a: reference 'dog' from 4.0 to 7.0 s; wanted it to end by 5.0 s"):
        detection.evaluate({"a": [event(4.0, 7.0)]}, {"a": []}, durations={"a": 5.0})
    counts = detection.segment_counts({"a": [event(4.0, 5.0)]}, {"a": [event(4.0, 7.0)]}, durations={"a": 5.0})
    assert (counts.tp.sum(), counts.fp.sum(), counts.fn.sum()) == (1, 0, 0)


def test_every_file_needs_a_duration() -> None:
    with pytest.raises(InputError, match="durations have no entry for 'a'"):
        detection.evaluate({"a": []}, {"a": []}, durations={})
    for duration in (0.0, math.nan, math.inf):
        with pytest.raises(InputError, match=f"a: its duration is {duration} s; wanted a finite number above 0"):
            detection.evaluate({"a": []}, {"a": []}, durations={"a": duration})
    for segment in (0.0, math.nan, math.inf):
        with pytest.raises(InputError, match=f"segment is {segment} s"):
            detection.segment_counts({"a": []}, {"a": []}, durations={"a": 1.0}, segment=segment)
