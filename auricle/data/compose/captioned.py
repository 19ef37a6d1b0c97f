"""Composed scenes with captions: clips with a phrase each, laid over a background so that what the caption says is true of them.

One relation is drawn for a scene: one sound, sounds one after another, two at once, one repeated, one louder than the other, or one
without another. Onsets and offsets are known from the energy gate, the caption is a `grammar.Statement` in words, and every negative is
a statement that the scene's own events show to be false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.data.compose.scenes import Mix, Source, bed, distinct, gain
from auricle.data.gate import stretches
from auricle.data.grammar import Heard, Phrase, Relation, Statement, contrary, holds, phrases, say

RELATIONS: tuple[Relation, ...] = ("sounds", "before", "while", "count", "louder", "without")
#: Quieter than the scenes for detection are never mixed here: what a caption names has to be heard.
MIX = Mix(snr=(12.0, 26.0))
#: Seconds between sounds that follow each other, and between repetitions: longer than the pauses that one event bridges.
GAP, PAUSE = (0.3, 1.0), (0.7, 1.1)
#: Seconds of one repetition at most, of any sound at least, and of the fade where a clip is cut.
REPEATED, SHORTEST, FADE = 1.5, 0.1, 0.01
_TRIES = 20


@dataclass(frozen=True)
class Negative:
    """A caption that is false of its scene. kind: what is wrong in it, order, overlap, count, loudness or presence."""

    text: str
    kind: str
    statement: Statement


@dataclass(frozen=True, eq=False)
class Captioned:
    """A scene and what is said of it. samples: (N,) float32, full scale +-1. heard: its events by onset, words and levels."""

    samples: NDArray[np.float32]
    heard: Heard
    caption: str
    statement: Statement
    negatives: tuple[Negative, ...]


@dataclass(frozen=True, eq=False)
class _Placed:
    """A sound in a scene: its samples, their sounding stretches in seconds from their start, where they start, and how loud they are.

    level: dB of the sounding part over the background's mean power.
    """

    source: Source
    samples: NDArray[np.float64]
    sounding: list[tuple[float, float]]
    start: float = 0.0
    level: float = 0.0


@dataclass(frozen=True, eq=False)
class _Stage:
    """What all sounds of a scene share."""

    rng: np.random.Generator
    clips: Sequence[Source]
    background: Source
    rate: int
    mix: Mix

    def sounds(self, count: int, longest: float) -> list[_Placed]:
        """At most `count` sounds with different words, each cut to `longest` seconds, at a level of the mix."""
        chosen = distinct(self.rng, self.clips, count, taken=set(self.background.labels))
        found = [_piece(clip, self.rate, longest) for clip in chosen]
        return [replace(piece, level=self.rng.uniform(*self.mix.snr)) for piece in found if piece is not None]

    def after_each_other(self, sounds: Sequence[_Placed], pause: tuple[float, float]) -> list[_Placed]:
        """The sounds in this order, apart by a pause drawn from its range, beginning at a random time."""
        if not sounds:
            return []
        pauses = [self.rng.uniform(*pause) for _ in sounds[1:]]
        lengths = [len(sound.samples) / self.rate for sound in sounds]
        start = self.rng.uniform(0.0, max(self.mix.seconds - sum(lengths) - sum(pauses), 0.0))
        starts = start + np.cumsum([0.0, *(length + gap for length, gap in zip(lengths[:-1], pauses, strict=True))])
        return [replace(sound, start=float(at)) for sound, at in zip(sounds, starts, strict=True)]


def compose(
    rng: np.random.Generator,
    clips: Sequence[Source],
    backgrounds: Sequence[Source],
    *,
    rate: int,
    book: Mapping[str, Phrase] | None = None,
    relations: Sequence[Relation] = RELATIONS,
    mix: Mix = MIX,
) -> Captioned:
    """One scene of `mix.seconds` with one to three sounds, its caption and its negatives; the same generator makes the same scene.

    clips: the first word of each names its events and needs a phrase in the book (that of ESC-50's labels without one). Clips whose
    words sound in the background are passed over. InputError where no try makes a scene of which the drawn relation is true.
    """
    book = phrases() if book is None else book
    relation = relations[int(rng.integers(len(relations)))]
    wanted = [clip for clip in clips if clip.labels and clip.labels[0] in book and (relation != "count" or book[clip.labels[0]].counted)]
    if not wanted:
        raise InputError(f"none of {len(clips)} clips can be said to be in {relation!r}; wanted clips whose first word has a phrase")
    background = backgrounds[int(rng.integers(len(backgrounds)))] if backgrounds else Source(np.zeros(1), ())
    stage = _Stage(rng, wanted, background, rate, mix)
    for _ in range(_TRIES):
        placed = _LAYOUTS[relation](stage)
        heard = _heard(placed, background)
        absent = [label for label in book if label not in heard.words]
        statement = _statement(rng, relation, placed, absent)
        if statement is not None and holds(statement, heard):
            wording = int(rng.integers(60))  # a multiple of how many wordings any relation has
            negatives = _negatives(rng, statement, heard, absent, book, wording)
            return Captioned(_mixed(stage, placed), heard, say(statement, book, wording=wording), statement, negatives)
    raise InputError(f"no scene of {relation!r} came of {_TRIES} tries with {len(wanted)} clips; wanted more clips, of more labels")


def _alone(stage: _Stage) -> list[_Placed]:
    return stage.after_each_other(stage.sounds(1, stage.mix.seconds), GAP)


def _ordered(stage: _Stage) -> list[_Placed]:
    count = int(stage.rng.integers(2, 4))
    longest = (stage.mix.seconds - GAP[1] * (count - 1)) / count
    return stage.after_each_other(stage.sounds(count, longest), GAP)


def _contrasted(stage: _Stage) -> list[_Placed]:
    """Two sounds after each other, one at the top and one at the bottom of the mix's range of levels."""
    sounds = stage.sounds(2, (stage.mix.seconds - GAP[1]) / 2)
    levels = stage.rng.permutation(stage.mix.snr)
    return stage.after_each_other([replace(sound, level=float(level)) for sound, level in zip(sounds, levels, strict=False)], GAP)


def _together(stage: _Stage) -> list[_Placed]:
    """Two sounds, the shorter of which shares at least half of itself with the longer."""
    sounds = sorted(stage.sounds(2, 0.8 * stage.mix.seconds), key=lambda sound: -len(sound.samples))
    if len(sounds) < 2:
        return sounds
    long, short = (len(sound.samples) / stage.rate for sound in sounds)
    first = stage.rng.uniform(0.0, stage.mix.seconds - long)
    earliest, latest = max(first - short / 2, 0.0), min(first + long - short / 2, stage.mix.seconds - short)
    return [replace(sounds[0], start=first), replace(sounds[1], start=stage.rng.uniform(earliest, latest))]


def _repeated(stage: _Stage) -> list[_Placed]:
    """One event of one sound, two to four times."""
    count = int(stage.rng.integers(2, 5))
    longest = min(REPEATED, (stage.mix.seconds - PAUSE[1] * (count - 1)) / count)
    found = stage.sounds(1, stage.mix.seconds)
    if not found:
        return []
    short = [(onset, offset) for onset, offset in found[0].sounding if SHORTEST <= offset - onset <= longest]
    if not short:
        return []
    onset, offset = min(short, key=lambda span: span[1] - span[0])
    part = found[0].samples[round(onset * stage.rate) : round(offset * stage.rate)]
    once = replace(found[0], samples=_faded(part, stage.rate), sounding=[(0.0, len(part) / stage.rate)])
    return stage.after_each_other([once] * count, PAUSE)


_LAYOUTS: Mapping[Relation, Callable[[_Stage], list[_Placed]]] = {
    "sounds": _alone,
    "before": _ordered,
    "while": _together,
    "count": _repeated,
    "louder": _contrasted,
    "without": _alone,
}


def _piece(clip: Source, rate: int, longest: float) -> _Placed | None:
    """The clip from its first onset on, at most `longest` seconds of it; None where nothing of a length sounds there."""
    found = stretches(clip.samples, rate)
    if not found:
        return None
    first = found[0][0]
    length = min(found[-1][1] - first, longest)
    sounding = [(onset - first, min(offset - first, length)) for onset, offset in found if offset - first > 0 and onset - first < length]
    part = np.asarray(clip.samples[round(first * rate) : round((first + length) * rate)], dtype=np.float64)
    sounding = [(onset, offset) for onset, offset in sounding if offset - onset >= SHORTEST]
    return _Placed(clip, _faded(part, rate), sounding) if sounding else None


def _faded(samples: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """A copy of samples (N,) that begins and ends in silence, so that a cut does not click."""
    length = min(round(FADE * rate), len(samples) // 2)
    ramp = np.linspace(0.0, 1.0, length, endpoint=False)
    faded = samples.copy()
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded


def _heard(placed: Sequence[_Placed], background: Source) -> Heard:
    events = [
        Event(each.source.labels[0], each.start + onset, each.start + offset, 1.0) for each in placed for onset, offset in each.sounding
    ]
    words = frozenset(background.labels).union(*(each.source.labels for each in placed))
    levels = {each.source.labels[0]: each.level for each in placed}
    return Heard(tuple(sorted(events, key=lambda event: (event.onset, event.label))), words, levels)


def _statement(rng: np.random.Generator, relation: Relation, placed: Sequence[_Placed], absent: Sequence[str]) -> Statement | None:
    """The statement that the layout was made for; None where it needs more sounds than were found, or an absent label."""
    labels = tuple(each.source.labels[0] for each in placed)
    if len(labels) < {"before": 2, "while": 2, "louder": 2}.get(relation, 1) or (relation == "without" and not absent):
        return None
    match relation:
        case "count":
            return Statement("count", labels[:1], len(labels))
        case "louder":
            return Statement("louder", labels if placed[0].level > placed[1].level else labels[::-1])
        case "while":
            return Statement("while", labels if rng.random() < 0.5 else labels[::-1])
        case "without":
            return Statement("without", (labels[0], absent[int(rng.integers(len(absent)))]))
        case _:
            return Statement(relation, labels)


def _negatives(
    rng: np.random.Generator, statement: Statement, heard: Heard, absent: Sequence[str], book: Mapping[str, Phrase], wording: int
) -> tuple[Negative, ...]:
    fit = [label for label in absent if statement.relation != "count" or book[label].counted]
    others = [fit[int(rng.integers(len(fit)))]] if fit else []
    near = dict.fromkeys((kind, false) for kind, false in contrary(statement, others) if not holds(false, heard))
    return tuple(Negative(say(false, book, wording=wording), kind, false) for kind, false in near)


def _mixed(stage: _Stage, placed: Sequence[_Placed]) -> NDArray[np.float32]:
    """The scene (N,) float32: the sounds over the background, turned down where it passes the mix's peak."""
    length = round(stage.mix.seconds * stage.rate)
    level = stage.rng.uniform(*stage.mix.level)
    samples = bed(stage.rng, stage.background.samples, length) * gain(stage.background.samples, level)
    for each in placed:
        sounding = [each.samples[round(onset * stage.rate) : round(offset * stage.rate)] for onset, offset in each.sounding]
        loud = gain(np.concatenate(sounding), level + each.level)
        start = round(each.start * stage.rate)
        inside = each.samples[: length - start]
        samples[start : start + len(inside)] += inside * loud
    peak = float(np.abs(samples).max(initial=0.0))
    return (samples * (stage.mix.peak / peak if peak > stage.mix.peak else 1.0)).astype(np.float32)
