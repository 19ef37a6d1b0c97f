"""Composed scenes with strong labels: labelled clips over ambience, with onsets and offsets from the energy gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.data.corpora.clip_table import Row
from auricle.data.gate import find_active_segments
from auricle.signal.streaming import read


@dataclass(frozen=True, eq=False)
class Source:
    """A recording to compose from. samples: (N,) float, full scale +-1. labels: the first names its events."""

    samples: NDArray[np.floating]
    labels: tuple[str, ...]


def load_source(row: Row, *, rate: int) -> Source:
    """Load a clip of a corpus as one channel at `rate` Hz, with its labels."""
    return Source(read(row.path, rate=rate, mono=True).samples[0], row.labels)


@dataclass(frozen=True)
class Mix:
    """How scenes are mixed.

    seconds: length of a scene. events: lowest and highest number of sources.
    snr: dB of a source's active segments over the background's mean power.
    level: dBFS of the background's mean power. Both are drawn uniformly. peak: a scene with a higher peak is attenuated to this.
    """

    seconds: float = 10.0
    events: tuple[int, int] = (1, 4)
    snr: tuple[float, float] = (6.0, 24.0)
    level: tuple[float, float] = (-50.0, -35.0)
    peak: float = 0.95


def compose_scene(
    rng: np.random.Generator, clips: Sequence[Source], backgrounds: Sequence[Source], *, rate: int, mix: Mix | None = None
) -> tuple[NDArray[np.float32], list[Event]]:
    """Compose a scene of `mix.events` sources with different labels over one background.

    Clips that share a label with the background are skipped. A clip longer than the scene is cut at a random position.
    Returns samples (N,) float32 at `rate` and the events by onset, score 1.0; times in seconds, inside the scene.
    """
    mix = mix or Mix()
    length = round(mix.seconds * rate)
    background = backgrounds[int(rng.integers(len(backgrounds)))] if backgrounds else Source(np.zeros(length), ())
    scene = background_excerpt(rng, background.samples, length) * gain_for_level(background.samples, rng.uniform(*mix.level))
    power = float(np.mean(np.square(scene))) or 10.0 ** (mix.level[0] / 10.0)
    wanted = int(rng.integers(mix.events[0], mix.events[1] + 1))
    events: list[Event] = []
    for clip in draw_distinct(rng, clips, wanted, taken=set(background.labels)):
        placed, found = _place(rng, clip, length, rate)
        if not found:
            continue
        sounding = np.concatenate([placed[round(onset * rate) : round(offset * rate)] for onset, offset in found])
        wanted_power = power * 10.0 ** (rng.uniform(*mix.snr) / 10.0)
        scene += placed * np.sqrt(wanted_power / max(float(np.mean(np.square(sounding))), 1e-12))
        events.extend(Event(clip.labels[0], onset, offset, 1.0) for onset, offset in found)
    loudest = float(np.abs(scene).max(initial=0.0))
    if loudest > mix.peak:
        scene *= mix.peak / loudest
    return scene.astype(np.float32), sorted(events, key=lambda event: (event.onset, event.label))


def draw_distinct(rng: np.random.Generator, clips: Sequence[Source], wanted: int, *, taken: set[str]) -> list[Source]:
    """Draw at most `wanted` clips in random order, none of which shares a label with another or with `taken`."""
    if not clips:
        raise InputError("there are no clips to compose from; wanted at least one")
    chosen: list[Source] = []
    for index in rng.permutation(len(clips)):
        clip = clips[int(index)]
        if len(chosen) == wanted:
            break
        if clip.labels and taken.isdisjoint(clip.labels):
            chosen.append(clip)
            taken = taken | set(clip.labels)
    return chosen


def _place(rng: np.random.Generator, clip: Source, length: int, rate: int) -> tuple[NDArray[np.float64], list[tuple[float, float]]]:
    """The clip's active part at a random position of an empty scene, (length,), and its active segments in scene time."""
    found = find_active_segments(clip.samples, rate)
    if not found:
        return np.zeros(length), []
    first, last = round(found[0][0] * rate), round(found[-1][1] * rate)
    part = np.asarray(clip.samples[first:last], dtype=np.float64)
    shift = int(rng.integers(0, abs(length - len(part)) + 1))
    start = shift if len(part) <= length else -shift
    placed = np.zeros(length)
    inside = part[max(-start, 0) : max(-start, 0) + length]
    placed[max(start, 0) : max(start, 0) + len(inside)] = inside
    moved = [(onset + (start - first) / rate, offset + (start - first) / rate) for onset, offset in found]
    clipped = [(max(onset, 0.0), min(offset, length / rate)) for onset, offset in moved]
    return placed, [(onset, offset) for onset, offset in clipped if offset - onset >= 1.0 / rate]


def background_excerpt(rng: np.random.Generator, samples: NDArray[np.floating], length: int) -> NDArray[np.float64]:
    """`length` samples from a random position; a shorter recording is repeated."""
    if len(samples) <= length:
        start = int(rng.integers(len(samples)))
        return np.resize(np.roll(samples, -start), length).astype(np.float64)
    start = int(rng.integers(len(samples) - length + 1))
    return np.array(samples[start : start + length], dtype=np.float64)


def gain_for_level(samples: NDArray[np.floating], level: float) -> float:
    """The factor that brings the mean power of samples (N,) to `level` dBFS; 0 for silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return float(np.sqrt(10.0 ** (level / 10.0) / power)) if power > 0 else 0.0
