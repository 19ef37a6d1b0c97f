"""Answers that follow from narrower ones: tags, guesses, events, and what people are shown."""

from __future__ import annotations

from auricle.core.config import Output
from auricle.core.records import Analysis, Event, Label
from auricle.listen.implied import COVERED, mark_events, mark_labels, narrower_labels

OUTPUT = Output(
    kind="clip_scores",
    head="linear",
    labels=("animal", "dog", "cat", "bark"),
    implies={"dog": ("animal",), "cat": ("animal",), "bark": ("dog",)},
)
NARROWER = narrower_labels(OUTPUT)


def test_narrower_labels_are_of_any_depth() -> None:
    assert {"animal": frozenset({"dog", "cat", "bark"}), "dog": frozenset({"bark"})} == NARROWER
    assert narrower_labels(None) == {} == narrower_labels(OUTPUT.model_copy(update={"implies": {}}))


def test_a_present_tag_is_implied_by_the_best_narrower_one_that_is_present() -> None:
    tags = [Label("animal", 0.9, True), Label("dog", 0.8, True), Label("cat", 0.7, False), Label("bark", 0.6, True)]
    assert [tag.implied_by for tag in mark_labels(tags, NARROWER)] == ["dog", "bark", None, None]
    alone = [Label("animal", 0.9, True), Label("dog", 0.8, False)]
    assert [tag.implied_by for tag in mark_labels(alone, NARROWER)] == [None, None]
    guesses = [Label("animal", 0.3, False), Label("cat", 0.2, False)]
    assert [tag.implied_by for tag in mark_labels(guesses, NARROWER, guessed=True)] == ["cat", None]


def test_an_event_is_implied_where_narrower_ones_cover_it() -> None:
    events = [Event("animal", 0.0, 10.0, 0.9), Event("dog", 0.0, 5.0, 0.8), Event("cat", 4.5, 9.0, 0.8), Event("animal", 20.0, 30.0, 0.9)]
    assert [event.implied_by for event in mark_events(events, NARROWER)] == ["dog", None, None, None]  # 9 of 10 s, together
    events[2] = Event("cat", 4.5, 10 * COVERED - 0.1, 0.8)
    assert [event.implied_by for event in mark_events(events, NARROWER)] == [None] * 4
    pieces = [Event("animal", 1.0, 3.0, 0.9), Event("bark", 1.0, 2.0, 0.9), Event("dog", 1.0, 3.0, 0.9), Event("bark", 2.1, 3.0, 0.9)]
    assert [event.implied_by for event in mark_events(pieces, NARROWER)] == ["dog", None, "bark", None]
    assert mark_events([], NARROWER) == ()


def test_people_are_shown_the_narrowest_and_json_has_all() -> None:
    tags = mark_labels([Label("animal", 0.9, True), Label("dog", 0.8, True)], NARROWER)
    events = mark_events([Event("animal", 0.0, 1.0, 0.9), Event("dog", 0.0, 1.0, 0.8)], NARROWER)
    analysis = Analysis("a.wav", duration=1.0, coverage=1.0, tags=tags, events=events)
    shown = analysis.narrowest()
    assert [tag.label for tag in shown.tags] == ["dog"] == [event.label for event in shown.events]
    assert "animal" not in analysis._repr_html_()
    record = analysis.to_dict()
    assert [tag.get("implied_by") for tag in record["tags"]] == ["dog", None] == [event.get("implied_by") for event in record["events"]]
    assert "implied_by" not in record["tags"][1]
