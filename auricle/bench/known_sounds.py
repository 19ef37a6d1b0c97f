"""Sounds with a known truth, and whether a model's labels for them are right (`auricle doctor`).

Question: does a model call simple sounds by a label of the right family? Twelve recordings are made by rule (made_sounds.py);
known_sounds.json says by names of AudioSet's tree which labels are right and which are neutral. A label that is marked present at the
model's own threshold and is neither is wrong. What a label means is the name of AudioSet that its words name (listen.vocabulary); a label
without one is neither right nor neutral. A model is not judged on a recording that no label of its vocabulary is right for; a quiet room
needs no label: saying nothing is right there.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from auricle.bench import made_sounds
from auricle.bench.hierarchy import descendants, normalise_name
from auricle.bench.made_sounds import RATE, Samples
from auricle.core import audioset
from auricle.core.errors import AuricleError
from auricle.core.records import Clip, Label
from auricle.listen.listener import Listener
from auricle.listen.vocabulary import Vocabulary

PATH = Path(__file__).parent / "known_sounds.json"
SEED = 11
#: A model is at fault that is wrong, and not right as well, on more than this share of at least FEWEST recordings that it is judged on.
MOST_WRONG = 0.5
FEWEST = 4

Outcome = Literal["right", "partly right", "wrong", "nothing said", "no label for it"]
OUTCOMES: tuple[Outcome, ...] = ("right", "partly right", "wrong", "nothing said", "no label for it")

_MAKERS: dict[str, Callable[[np.random.Generator], Samples]] = {
    "tone": made_sounds.tone,
    "hum": made_sounds.hum,
    "white noise": made_sounds.white_noise,
    "quiet room": made_sounds.quiet_room,
    "chord": made_sounds.chord,
    "syllables": made_sounds.syllables,
    "bells": made_sounds.bells,
    "alarm": made_sounds.alarm,
    "siren": made_sounds.siren,
    "engine": made_sounds.engine,
    "knocks": made_sounds.knocks,
    "clicks": made_sounds.clicks,
}


@dataclass(frozen=True)
class Known:
    """A sound and its truth. right, neutral: normalised names of AudioSet. silent: whether saying nothing is right."""

    name: str
    about: str
    right: frozenset[str]
    neutral: frozenset[str]
    silent: bool = False


@dataclass(frozen=True)
class Judgement:
    """The labels that a model marked present for a sound, by what they are; scores are from 0 to 1. Without a label for it all are said."""

    sound: Known
    outcome: Outcome
    right: tuple[Label, ...] = ()
    neutral: tuple[Label, ...] = ()
    wrong: tuple[Label, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: sound, about, outcome, and the labels with their scores."""
        parts = {"right": self.right, "neutral": self.neutral, "wrong": self.wrong}
        labels = {part: {one.label: round(one.score, 4) for one in found} for part, found in parts.items()}
        return {"sound": self.sound.name, "about": self.sound.about, "outcome": self.outcome, **labels}

    def __str__(self) -> str:
        """One line for people: `wrong: rain 0.82`."""
        said = {"partly right": [*self.right, *self.wrong], "right": self.right, "wrong": self.wrong}.get(self.outcome)
        if said is None:
            said = [*self.right, *self.neutral, *self.wrong]
        words = ", ".join(f"{one.label} {one.score:.2f}" for one in said)
        if self.outcome == "partly right":
            return f"partly right: {words}; wrong of these: {', '.join(one.label for one in self.wrong)}"
        if self.outcome == "no label for it":
            return f"not judged, no label for it{f'; said: {words}' if words else ''}"
        if self.outcome == "nothing said" and words:
            return f"nothing right or wrong said, only {words}"
        return f"{self.outcome}: {words}" if words else self.outcome


@functools.cache
def read_known(path: Path = PATH) -> tuple[Known, ...]:
    """Read known_sounds.json. KeyError for a name that AudioSet's ontology lacks."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Known(
            name,
            one["about"],
            (_families(one["right"]) - _families(one.get("except", ()))) | _names(one.get("alone", ())),
            _families([*one["neutral"], *stored["neutral"]]) - _families(one.get("except", ())),
            one.get("silent", False),
        )
        for name, one in stored["sounds"].items()
    )


def _names(names: Sequence[str]) -> frozenset[str]:
    keys = frozenset(normalise_name(name) for name in names)
    for key in keys:
        descendants()[key]
    return keys


def _families(names: Sequence[str]) -> frozenset[str]:
    """Each name and all below it."""
    return _names(names).union(*(descendants()[key] for key in _names(names)))


@functools.cache
def make(sound: Known) -> Clip:
    """The recording (C, N) of a sound, the same each time: other takes of the rules that made the files of examples/."""
    generator = np.random.default_rng([SEED, *sound.name.encode()])
    return Clip(_MAKERS[sound.name](generator).astype(np.float32), RATE, f"made {sound.name}")


@functools.cache
def _meanings() -> Vocabulary:
    return Vocabulary(audioset.labels())


def meaning(label: str) -> str | None:
    """The normalised name of AudioSet that a label names; None where it names none.

    >>> from auricle.bench.known_sounds import meaning
    >>> [meaning(label) for label in ("clock alarm", "sea waves", "machine 7 overheated")]
    ['alarm clock', 'waves surf', None]
    """
    if normalise_name(label) in descendants():
        return normalise_name(label)
    match = _meanings().match(label)
    return None if match is None else normalise_name(match.label)


def judge_labels(sound: Known, tags: Sequence[Label], vocabulary: Sequence[str]) -> Judgement:
    """Judge the labels that are marked present for a sound. vocabulary: all labels of the model."""
    present = [tag for tag in tags if tag.present]
    right = tuple(tag for tag in present if meaning(tag.label) in sound.right)
    neutral = tuple(tag for tag in present if meaning(tag.label) in sound.neutral - sound.right)
    wrong = tuple(tag for tag in present if meaning(tag.label) not in sound.right | sound.neutral)
    if not sound.silent and not any(meaning(label) in sound.right for label in vocabulary):
        return Judgement(sound, "no label for it", right, neutral, wrong)
    if wrong:
        return Judgement(sound, "partly right" if right else "wrong", right, neutral, wrong)
    return Judgement(sound, "right" if right or sound.silent else "nothing said", right, neutral)


def judge(listener: Listener) -> list[Judgement]:
    """Judge a model on every sound. AuricleError where a recording cannot be analysed; empty for a model without labels of its own."""
    vocabulary, judged = listener.config.labels, []
    for sound in read_known() if vocabulary else ():
        answer = listener.tag(make(sound), top=None)
        if answer.error is not None:
            raise AuricleError(f"the recording of {sound.about} was not analysed: {answer.error}")
        judged.append(judge_labels(sound, answer.tags, vocabulary))
    return judged


def count(judged: Sequence[Judgement]) -> Mapping[Outcome, int]:
    """How many recordings have each outcome; every outcome is there."""
    counted = Counter(one.outcome for one in judged)
    return {outcome: counted[outcome] for outcome in OUTCOMES}


def fault(judged: Sequence[Judgement]) -> str | None:
    """What is wrong with a model that is wrong on more than MOST_WRONG of the recordings that it is judged on; None if it is not."""
    counted = count(judged)
    of = len(judged) - counted["no label for it"]
    if of < FEWEST or counted["wrong"] <= MOST_WRONG * of:
        return None
    return (
        f"its labels are wrong for {counted['wrong']} of {of} sounds that it has labels for; the order of its labels, its front-end or its "
        "thresholds may not be those that it was trained with"
    )
