"""Statements about a scene: their structure, their wording by templates, whether they are true, and their hard negatives.

A statement is data; its text is made of a phrase for each label ("a dog barking") and one of a few templates. A statement can be checked
against the events of any scene, so that captions are verified to be true and hard negatives to be false. The relations before, after and
while, and the swapped order as a negative, follow TeminAL (its loss and its templates are unverified; the templates here are ours).
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

#: Seconds that two sounds overlap at least for "while" to be true.
MIN_OVERLAP = 0.3
#: dB by which one sound is louder than another at least for "louder" to be true.
LOUDER_DB = 6.0
_COUNT_WORDS = ("never", "once", "twice", "three times", "four times", "five times", "six times")


class LabelPhrase(Strict):
    """The phrases of a label. said: "a dog barking". clause: "a dog is barking". counted: True for an event that can be counted."""

    said: str
    clause: str
    counted: bool = False


@dataclass(frozen=True)
class Statement:
    """A relation between the labels of a scene.

    sounds (A): A is audible. before (A, B, ...): each ends before the next begins. while (A, B): they overlap.
    count (A), times: A has this many events. louder (A, B): A is louder than B. without (A, X): A is audible and X is not.
    """

    relation: Relation
    labels: tuple[str, ...]
    times: int = 0


@dataclass(frozen=True)
class SceneContent:
    """The annotation of a scene. words: all labels of everything audible. levels: label -> dB of its events over the background."""

    events: tuple[Event, ...]
    words: frozenset[str]
    levels: Mapping[str, float]


#: {0}: phrase of the first label, {0c}: its clause. Those of three labels in order are under "before3".
TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "sounds": ("{0}", "the sound of {0}", "one can hear that {0c}"),
    "before": ("{0} before {1}", "{0}, then {1}", "{0} followed by {1}", "{1} after {0}", "first {0}, then {1}"),
    "before3": ("{0}, then {1}, then {2}", "first {0}, then {1}, and at last {2}", "{0} followed by {1} and then by {2}"),
    "while": ("{0} while {1c}", "{1} while {0c}", "{0} and {1} at the same time", "{0} as {1c}"),
    "count": ("{0} {times}", "{0}, {times} in all", "{0} {times} in a row"),
    "louder": ("{0} loudly and {1} faintly", "{1} faintly and {0} loudly", "a loud sound of {0} and a faint one of {1}"),
    "without": ("{0} and no sound of {1}", "{0}, but no sound of {1}", "{0} without any sound of {1}"),
}


@functools.cache
def default_phrases() -> Mapping[str, LabelPhrase]:
    """The phrases of ESC-50's labels, by label."""
    return read_phrases(Path(__file__).parent / "phrases.json")


def read_phrases(path: Path) -> Mapping[str, LabelPhrase]:
    """Read phrases by label from a JSON file {label: {said, clause, counted}}. InputError names the first fault."""
    try:
        return TypeAdapter(dict[str, LabelPhrase]).validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a JSON file of phrases") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise InputError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; wanted label: said, clause, counted") from error


def render(statement: Statement, phrases: Mapping[str, LabelPhrase], *, template: int = 0) -> str:
    """Put the statement into the template of its relation with this index, taken modulo their number. InputError for a missing phrase."""
    if missing := [label for label in statement.labels if label not in phrases]:
        raise InputError(f"no phrase for {', '.join(missing)}; wanted one for every label of the statement")
    if not 0 <= statement.times < len(_COUNT_WORDS):
        raise InputError(f"{statement.times} times; wanted 0 to {len(_COUNT_WORDS) - 1}")
    templates = TEMPLATES["before3" if statement.relation == "before" and len(statement.labels) == 3 else statement.relation]
    text = templates[template % len(templates)].replace("{times}", _COUNT_WORDS[statement.times])
    for index, label in enumerate(statement.labels):
        text = text.replace(f"{{{index}}}", phrases[label].said).replace(f"{{{index}c}}", phrases[label].clause)
    return text


def is_true(statement: Statement, content: SceneContent) -> bool:
    """True where the statement is true of the scene."""
    labels = statement.labels
    spans = [[(event.onset, event.offset) for event in content.events if event.label == label] for label in labels]
    match statement.relation:
        case "sounds":
            return content.words.issuperset(labels)
        case "without":
            return labels[0] in content.words and content.words.isdisjoint(labels[1:])
        case "count":
            return len(spans[0]) == statement.times
        case "louder":
            levels = content.levels
            return labels[0] in levels and labels[1] in levels and levels[labels[0]] - levels[labels[1]] >= LOUDER_DB
        case "while":
            return _overlap(spans[0], spans[1]) >= MIN_OVERLAP
        case "before":
            return all(spans) and all(max(first)[1] <= min(second)[0] for first, second in pairwise(spans))


def hard_negatives(statement: Statement, others: Sequence[str]) -> Iterator[tuple[str, Statement]]:
    """Statements that differ from a true one in one respect, each with it: order, overlap, count, loudness or presence.

    others: labels that are not in the scene. The result may still be true; check it with `is_true`.
    """
    yield from _with_other_relation(statement)
    for other in others:
        if other in statement.labels:
            continue
        yield "presence", replace(statement, labels=(other, *statement.labels[1:]))
        if statement.relation == "sounds":
            yield "presence", Statement("without", (other, *statement.labels))


def _with_other_relation(statement: Statement) -> Iterator[tuple[str, Statement]]:
    """The same labels in another order, another relation or another count."""
    labels, swapped = statement.labels, replace(statement, labels=statement.labels[::-1])
    match statement.relation:
        case "before":
            yield "order", swapped
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
            yield "loudness", swapped
        case "without":
            yield "presence", swapped


def _overlap(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> float:
    """Seconds in which both sound."""
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in first for b in second)
