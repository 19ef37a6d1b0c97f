"""Composed scenes with true captions and false hard negatives, for contrastive training and tests of word order and time.

Clips are mixed over a background so that one drawn relation is true: one sound, sounds in sequence, two at once, one repeated, one louder
than the other, or one without another. Onsets and offsets come from the energy gate, the caption is a rendered `grammar.Statement`, and
every negative is a statement that is false of the scene's events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.data.compose.scenes import Mix, Source, background_excerpt, draw_distinct, gain_for_level
from auricle.data.gate import find_active_segments
from auricle.data.grammar import LabelPhrase, Relation, SceneContent, Statement, default_phrases, hard_negatives, is_true, render

RELATIONS: tuple[Relation, ...] = ("sounds", "before", "while", "count", "louder", "without")
#: A higher SNR than in the scenes for detection: whatever a caption names must be audible.
MIX = Mix(snr=(12.0, 26.0))
#: Seconds between successive sounds, and between repetitions; the latter exceed the pauses that the energy gate bridges.
GAP, PAUSE = (0.3, 1.0), (0.7, 1.1)
#: Longest repetition, shortest sound, and fade where a clip is cut, seconds.
MAX_REPETITION, MIN_SOUND, FADE = 1.5, 0.1, 0.01
_ATTEMPTS = 20


@dataclass(frozen=True)
class Negative:
    """A caption that is false of its scene. kind: in which respect: order, overlap, count, loudness or presence."""

    text: str
    kind: str
    statement: Statement


@dataclass(frozen=True, eq=False)
class CaptionedScene:
    """A scene and its captions. samples: (N,) float32, full scale +-1. content: its events by onset, its words and levels."""

    samples: NDArray[np.float32]
    content: SceneContent
    caption: str
    statement: Statement
    negatives: tuple[Negative, ...]


@dataclass(frozen=True, eq=False)
class _PlacedSound:
    """A sound of a scene. samples: (N,). sounding: its active segments in seconds from its start. start: seconds in the scene.

    level: dB of the active segments over the background's mean power.
    """

    source: Source
    samples: NDArray[np.float64]
    sounding: list[tuple[float, float]]
    start: float = 0.0
    level: float = 0.0


@dataclass(frozen=True, eq=False)
class _SceneBuilder:
    """The random generator, the sources and the mix of one scene."""

    rng: np.random.Generator
    clips: Sequence[Source]
    background: Source
    rate: int
    mix: Mix

    def draw_sounds(self, count: int, longest: float) -> list[_PlacedSound]:
        """At most `count` sounds with different words, each cut to `longest` seconds, at levels drawn from the mix."""
        chosen = draw_distinct(self.rng, self.clips, count, taken=set(self.background.labels))
        found = [_cut_sound(clip, self.rate, longest) for clip in chosen]
        return [replace(piece, level=self.rng.uniform(*self.mix.snr)) for piece in found if piece is not None]

    def in_sequence(self, sounds: Sequence[_PlacedSound], pause: tuple[float, float]) -> list[_PlacedSound]:
        """The sounds in this order, separated by pauses drawn from the range, from a random start."""
        if not sounds:
            return []
        pauses = [self.rng.uniform(*pause) for _ in sounds[1:]]
        lengths = [len(sound.samples) / self.rate for sound in sounds]
        start = self.rng.uniform(0.0, max(self.mix.seconds - sum(lengths) - sum(pauses), 0.0))
        starts = start + np.cumsum([0.0, *(length + gap for length, gap in zip(lengths[:-1], pauses, strict=True))])
        return [replace(sound, start=float(at)) for sound, at in zip(sounds, starts, strict=True)]


def compose_captioned_scene(
    rng: np.random.Generator,
    clips: Sequence[Source],
    backgrounds: Sequence[Source],
    *,
    rate: int,
    phrases: Mapping[str, LabelPhrase] | None = None,
    relations: Sequence[Relation] = RELATIONS,
    mix: Mix = MIX,
) -> CaptionedScene:
    """Compose a scene of `mix.seconds` with one to three sounds, its caption and its negatives; deterministic for a given generator.

    clips: the first label of each names its events and needs a phrase. phrases: by label; None: those of ESC-50's labels. Clips with a
    label of the background are skipped. InputError where no attempt gives a scene of which the drawn relation is true.
    """
    phrases = default_phrases() if phrases is None else phrases
    relation = relations[int(rng.integers(len(relations)))]
    allowed = {label for label, phrase in phrases.items() if relation != "count" or phrase.counted}
    usable = [clip for clip in clips if clip.labels and clip.labels[0] in allowed]
    if not usable:
        raise InputError(f"none of {len(clips)} clips can be used for {relation!r}; wanted clips whose first label has a phrase")
    background = backgrounds[int(rng.integers(len(backgrounds)))] if backgrounds else Source(np.zeros(1), ())
    builder = _SceneBuilder(rng, usable, background, rate, mix)
    for _ in range(_ATTEMPTS):
        placed = _LAYOUTS[relation](builder)
        content = _scene_content(placed, background)
        absent = [label for label in phrases if label not in content.words]
        statement = _statement(rng, relation, placed, absent)
        if statement is not None and is_true(statement, content):
            template = int(rng.integers(60))  # a multiple of every relation's number of templates
            negatives = _negatives(rng, statement, content, absent, phrases, template)
            return CaptionedScene(_mix_down(builder, placed), content, render(statement, phrases, template=template), statement, negatives)
    raise InputError(f"no scene of {relation!r} in {_ATTEMPTS} attempts with {len(usable)} clips; wanted more clips, of more labels")


def _single(builder: _SceneBuilder) -> list[_PlacedSound]:
    return builder.in_sequence(builder.draw_sounds(1, builder.mix.seconds), GAP)


def _in_order(builder: _SceneBuilder) -> list[_PlacedSound]:
    count = int(builder.rng.integers(2, 4))
    longest = (builder.mix.seconds - GAP[1] * (count - 1)) / count
    return builder.in_sequence(builder.draw_sounds(count, longest), GAP)


def _loud_and_faint(builder: _SceneBuilder) -> list[_PlacedSound]:
    """Two sounds in sequence, one at the highest and one at the lowest level of the mix."""
    sounds = builder.draw_sounds(2, (builder.mix.seconds - GAP[1]) / 2)
    levels = builder.rng.permutation(builder.mix.snr)
    return builder.in_sequence([replace(sound, level=float(level)) for sound, level in zip(sounds, levels, strict=False)], GAP)


def _overlapping(builder: _SceneBuilder) -> list[_PlacedSound]:
    """Two sounds; at least half of the shorter overlaps the longer."""
    sounds = sorted(builder.draw_sounds(2, 0.8 * builder.mix.seconds), key=lambda sound: -len(sound.samples))
    if len(sounds) < 2:
        return sounds
    long, short = (len(sound.samples) / builder.rate for sound in sounds)
    first = builder.rng.uniform(0.0, builder.mix.seconds - long)
    earliest, latest = max(first - short / 2, 0.0), min(first + long - short / 2, builder.mix.seconds - short)
    return [replace(sounds[0], start=first), replace(sounds[1], start=builder.rng.uniform(earliest, latest))]


def _repetitions(builder: _SceneBuilder) -> list[_PlacedSound]:
    """One event, repeated two to four times."""
    count = int(builder.rng.integers(2, 5))
    longest = min(MAX_REPETITION, (builder.mix.seconds - PAUSE[1] * (count - 1)) / count)
    found = builder.draw_sounds(1, builder.mix.seconds)
    if not found:
        return []
    short = [(onset, offset) for onset, offset in found[0].sounding if MIN_SOUND <= offset - onset <= longest]
    if not short:
        return []
    onset, offset = min(short, key=lambda span: span[1] - span[0])
    part = found[0].samples[round(onset * builder.rate) : round(offset * builder.rate)]
    once = replace(found[0], samples=_faded(part, builder.rate), sounding=[(0.0, len(part) / builder.rate)])
    return builder.in_sequence([once] * count, PAUSE)


_LAYOUTS: Mapping[Relation, Callable[[_SceneBuilder], list[_PlacedSound]]] = {
    "sounds": _single,
    "before": _in_order,
    "while": _overlapping,
    "count": _repetitions,
    "louder": _loud_and_faint,
    "without": _single,
}


def _cut_sound(clip: Source, rate: int, longest: float) -> _PlacedSound | None:
    """The clip from its first onset, at most `longest` seconds; None where it has no active segment of MIN_SOUND."""
    found = find_active_segments(clip.samples, rate)
    if not found:
        return None
    first = found[0][0]
    length = min(found[-1][1] - first, longest)
    sounding = [(onset - first, min(offset - first, length)) for onset, offset in found if offset - first > 0 and onset - first < length]
    part = np.asarray(clip.samples[round(first * rate) : round((first + length) * rate)], dtype=np.float64)
    sounding = [(onset, offset) for onset, offset in sounding if offset - onset >= MIN_SOUND]
    return _PlacedSound(clip, _faded(part, rate), sounding) if sounding else None


def _faded(samples: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """A copy of samples (N,) with a linear fade at both ends, so that a cut does not click."""
    length = min(round(FADE * rate), len(samples) // 2)
    ramp = np.linspace(0.0, 1.0, length, endpoint=False)
    faded = samples.copy()
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded


def _scene_content(placed: Sequence[_PlacedSound], background: Source) -> SceneContent:
    events = [
        Event(each.source.labels[0], each.start + onset, each.start + offset, 1.0) for each in placed for onset, offset in each.sounding
    ]
    words = frozenset(background.labels).union(*(each.source.labels for each in placed))
    levels = {each.source.labels[0]: each.level for each in placed}
    return SceneContent(tuple(sorted(events, key=lambda event: (event.onset, event.label))), words, levels)


def _statement(rng: np.random.Generator, relation: Relation, placed: Sequence[_PlacedSound], absent: Sequence[str]) -> Statement | None:
    """The statement of the drawn relation; None where it needs more sounds than are placed, or an absent label."""
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
    rng: np.random.Generator,
    statement: Statement,
    content: SceneContent,
    absent: Sequence[str],
    phrases: Mapping[str, LabelPhrase],
    template: int,
) -> tuple[Negative, ...]:
    fit = [label for label in absent if statement.relation != "count" or phrases[label].counted]
    others = [fit[int(rng.integers(len(fit)))]] if fit else []
    near = dict.fromkeys((kind, negative) for kind, negative in hard_negatives(statement, others) if not is_true(negative, content))
    return tuple(Negative(render(negative, phrases, template=template), kind, negative) for kind, negative in near)


def _mix_down(builder: _SceneBuilder, placed: Sequence[_PlacedSound]) -> NDArray[np.float32]:
    """Mix the sounds over the background (N,) float32, attenuated where the mix's peak is exceeded."""
    length = round(builder.mix.seconds * builder.rate)
    level = builder.rng.uniform(*builder.mix.level)
    samples = background_excerpt(builder.rng, builder.background.samples, length) * gain_for_level(builder.background.samples, level)
    for each in placed:
        sounding = [each.samples[round(onset * builder.rate) : round(offset * builder.rate)] for onset, offset in each.sounding]
        loud = gain_for_level(np.concatenate(sounding), level + each.level)
        start = round(each.start * builder.rate)
        inside = each.samples[: length - start]
        samples[start : start + len(inside)] += inside * loud
    peak = float(np.abs(samples).max(initial=0.0))
    return (samples * (builder.mix.peak / peak if peak > builder.mix.peak else 1.0)).astype(np.float32)
