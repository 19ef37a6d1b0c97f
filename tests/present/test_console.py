from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from auricle.core.records import Analysis, Classification, ClassificationQuery, Event, Label
from auricle.present.console import analysis_text, classification_text


def shown(heard: Analysis, *, width: int = 100, unicode: bool = True, hint: str = "") -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(analysis_text(heard, width=width, unicode=unicode, hint=hint))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(len(line) <= width for line in text.splitlines())
    return str(text)


FULL = Analysis(
    "garden [1].wav",
    20.0,
    1.0,
    tags=(Label("dog", 0.91, True), Label("crying baby", 0.52, True), Label("rain", 0.3, False)),
    events=(Event("dog", 4.04, 6.0, 0.9), Event("crying baby", 5.0, 20.0, 0.5), Event("dog", 10.0, 11.0, 0.8)),
    labels=(Label("siren", 0.07, False),),
)


def test_shows_what_is_present_where_and_what_was_asked() -> None:
    text = shown(FULL)
    assert "garden [1].wav  0:20.0" in text and "analysed" not in text
    assert "0.91" in text and "rain" not in text
    assert "0:04.0-0:06.0  0:10.0-0:11.0" in text and "━" in text and "0:05" in text
    assert "siren" in text and "0.07  not present" in text


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_fits_any_terminal(width: int, unicode: bool) -> None:
    text = shown(FULL, width=width, unicode=unicode)
    assert unicode or text.isascii()
    assert "dog" in text


def test_says_silent_nothing_and_partly_plainly() -> None:
    assert "  silent" in shown(Analysis("a", 1.0, 1.0, silent=True, tags=(Label("dog", 0.0, False),)))
    assert "  nothing recognised" in shown(Analysis("a", 1.0, 1.0, tags=(Label("dog", 0.2, False),)))
    assert "99 % analysed" in shown(Analysis("a", 1000.0, 0.999, error="cut"))
    near = shown(
        Analysis("a", 1.0, 1.0, tags=(Label("sheep", 0.54, False),), perhaps=(Label("sheep", 0.54, False), Label("cow", 0.4, False)))
    )
    assert "  nothing recognised; perhaps: sheep 0.54, cow 0.40" in near


def test_a_hint_is_for_what_is_not_recognised() -> None:
    assert "  nothing recognised; try it" in shown(Analysis("a", 1.0, 1.0, tags=(Label("dog", 0.2, False),)), hint="try it")
    for other in (Analysis("a", 1.0, 1.0, silent=True, tags=(Label("dog", 0.0, False),)), FULL, Analysis("a", 1.0, 1.0, labels=())):
        assert "try it" not in shown(other, hint="try it")


def test_says_what_asked_words_were_scored_by_when_they_sound_and_which_cannot_be_read() -> None:
    frog = Label("frogs in a pond", 0.93, True, "label", "frog", ((1.0, 2.5), (4.0, 5.0)))
    labels = (frog, Label("a lawn mower", 0.02, False, "text"))
    text = shown(Analysis("a", 9.0, 1.0, labels=labels, unread=("\u72d7",), negated=("no dog",)), width=200)
    assert "0.93  present, as frog  0:01.0-0:02.5  0:04.0-0:05.0" in text and "0.02  not present, by its text" in text
    assert "not in the language of the model: \u72d7" in text and "not scored, since negated: no dog" in text


def test_many_events_are_counted() -> None:
    events = tuple(Event("dog", 10.0 * place, 10.0 * place + 1, 0.9) for place in range(400))
    text = shown(Analysis("a", 4000.0, 1.0, tags=(Label("dog", 0.9, True),), events=events))
    assert "+ 397 more" in text and "0:00-0:01  0:10-0:11" in text and "1:06:40" in text


def test_odd_names_stay_on_one_line() -> None:
    text = shown(Analysis("a\nb\x1b[31m.wav", 1.0, 1.0))
    assert "\x1b" not in text and text.splitlines()[0].startswith("a\\nb")


def classified(labels: tuple[Label, ...], *, question: str = "one", **more: Any) -> str:
    asked = ClassificationQuery(question, "bare", "mean", "model")
    console = Console(file=io.StringIO(), width=60, highlight=False)
    console.print(classification_text(Classification("a [1].wav", asked, 3.0, **({"coverage": 1.0} | more), labels=labels), width=60))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_what_a_file_was_classified_as() -> None:
    text = classified((Label("dog", 0.9, True), Label("rain [x]", 0.1, False)))
    assert "a [1].wav  0:03.0" in text and "dog" in text and "0.90" in text and "rain [x]" in text and "present" not in text
    text = classified((Label("dog", 0.9, True), Label("rain", 0.1, False)), question="any")
    assert "0.90  present" in text and "0.10  not present" in text
    assert "  silent" in classified((), silent=True) and "  no scores" in classified(())
    assert "50 % analysed" in classified((Label("dog", 0.9, True),), coverage=0.5)
