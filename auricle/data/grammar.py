"""Statements about a scene: what is said of its sounds, in words, and whether it is true.

A statement is data; its words are made from a phrase for each label ("a dog barking") and one of a few wordings. The same statement
can be held against the events of any scene, which is how captions are known to be true and hard negatives to be false. The order
words before, after and while, and the caption with its order turned round as a negative, are those of TeminAL (their loss and their
templates are unverified; the wordings here are our own).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.core.records import Event

Relation = Literal["sounds", "before", "while", "count", "louder", "without"]

#: Seconds that two sounds share at least where one is said to sound while the other does.
OVERLAP = 0.3
#: dB by which one sound is louder than another at least where that is said.
LOUDER = 6.0
_TIMES = ("never", "once", "twice", "three times", "four times", "five times", "six times")


class Phrase(Strict):
    """How a label is said. said: "a dog barking". clause: "a dog is barking". counted: it is an act with an end, that can be counted."""

    said: str
    clause: str
    counted: bool = False


@dataclass(frozen=True)
class Statement:
    """What is said of a scene.

    sounds (A): A can be heard. before (A, B, ...): each has ended before the next begins. while (A, B): they sound at once.
    count (A), times: A has so many events. louder (A, B): A is louder than B. without (A, X): A can be heard and X cannot.
    """

    relation: Relation
    labels: tuple[str, ...]
    times: int = 0


@dataclass(frozen=True)
class Heard:
    """What is known of a scene. words: every word of all that sounds. levels: dB of each event's label over the background."""

    events: tuple[Event, ...]
    words: frozenset[str]
    levels: Mapping[str, float]


#: {0}: the first label said, {0c}: as a clause. Orders of three are under "before3".
WORDINGS: Mapping[str, tuple[str, ...]] = {
    "sounds": ("{0}", "the sound of {0}", "one can hear that {0c}"),
    "before": ("{0} before {1}", "{0}, then {1}", "{0} followed by {1}", "{1} after {0}", "first {0}, then {1}"),
    "before3": ("{0}, then {1}, then {2}", "first {0}, then {1}, and at last {2}", "{0} followed by {1} and then by {2}"),
    "while": ("{0} while {1c}", "{1} while {0c}", "{0} and {1} at the same time", "{0} as {1c}"),
    "count": ("{0} {times}", "{0}, {times} in all", "{0} {times} in a row"),
    "louder": ("{0} loudly and {1} faintly", "{1} faintly and {0} loudly", "a loud sound of {0} and a faint one of {1}"),
    "without": ("{0} and no sound of {1}", "{0}, but no sound of {1}", "{0} without any sound of {1}"),
}


@functools.cache
def phrases() -> Mapping[str, Phrase]:
    """A phrase for each of ESC-50's labels."""
    return read_phrases(Path(__file__).parent / "phrases.json")


def read_phrases(path: Path) -> Mapping[str, Phrase]:
    """Phrases by label, from a JSON file {label: {said, clause, counted}}."""
    try:
        return TypeAdapter(dict[str, Phrase]).validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a JSON file of phrases") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise InputError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; wanted label: said, clause, counted") from error


def say(statement: Statement, book: Mapping[str, Phrase], *, wording: int = 0) -> str:
    """The statement in words, by its relation's wording of that number (counted round)."""
    if missing := [label for label in statement.labels if label not in book]:
        raise InputError(f"no phrase for {', '.join(missing)}; wanted one for every label that is said")
    if not 0 <= statement.times < len(_TIMES):
        raise InputError(f"{statement.times} times; wanted 0 to {len(_TIMES) - 1}")
    wordings = WORDINGS["before3" if statement.relation == "before" and len(statement.labels) == 3 else statement.relation]
    said = wordings[wording % len(wordings)].replace("{times}", _TIMES[statement.times])
    for place, label in enumerate(statement.labels):
        said = said.replace(f"{{{place}}}", book[label].said).replace(f"{{{place}c}}", book[label].clause)
    return said


def holds(statement: Statement, heard: Heard) -> bool:
    """True where the statement is true of what is heard."""
    labels = statement.labels
    spans = [[(event.onset, event.offset) for event in heard.events if event.label == label] for label in labels]
    match statement.relation:
        case "sounds":
            return heard.words.issuperset(labels)
        case "without":
            return labels[0] in heard.words and heard.words.isdisjoint(labels[1:])
        case "count":
            return len(spans[0]) == statement.times
        case "louder":
            levels = heard.levels
            return labels[0] in levels and labels[1] in levels and levels[labels[0]] - levels[labels[1]] >= LOUDER
        case "while":
            return _shared(spans[0], spans[1]) >= OVERLAP
        case "before":
            return all(spans) and all(max(first)[1] <= min(second)[0] for first, second in pairwise(spans))


def contrary(statement: Statement, others: Sequence[str]) -> Iterator[tuple[str, Statement]]:
    """Statements near to a true one that should be false, each with what it gets wrong: order, overlap, count, loudness or presence.

    others: labels that cannot be heard. Whether each is really false is for `holds` to say.
    """
    yield from _misread(statement)
    for other in others:
        if other in statement.labels:
            continue
        yield "presence", replace(statement, labels=(other, *statement.labels[1:]))
        if statement.relation == "sounds":
            yield "presence", Statement("without", (other, *statement.labels))


def _misread(statement: Statement) -> Iterator[tuple[str, Statement]]:
    """The same sounds with something wrong said of them."""
    labels, turned = statement.labels, replace(statement, labels=statement.labels[::-1])
    match statement.relation:
        case "before":
            yield "order", turned
            if len(labels) == 3:
                yield "order", replace(statement, labels=(labels[0], labels[2], labels[1]))
            yield "overlap", Statement("while", labels[:2])
        case "while":
            yield "overlap", Statement("before", labels)
            yield "overlap", Statement("before", labels[::-1])
        case "count":
            yield "count", replace(statement, times=statement.times + 1)
            if statement.times > 1:
                yield "count", replace(statement, times=statement.times - 1)
        case "louder":
            yield "loudness", turned
        case "without":
            yield "presence", turned


def _shared(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> float:
    """Seconds in which both sound."""
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in first for b in second)
