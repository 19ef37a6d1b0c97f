"""Evaluation of a listener on held-out recordings: events and tags of composed scenes, and false positives on out-of-domain sounds."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from auricle.bench.results import Figure
from auricle.core.records import Analysis, Clip, Event
from auricle.data.compose.scenes import compose_scene, load_source
from auricle.data.corpora.clip_table import Row
from auricle.data.gate import find_active_segments
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Source
from auricle.metrics import bootstrap, calibration, detection, tagging
from auricle.present import reliability


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A composed scene: samples (N,) at rate (Hz), its events, and all its labels, including those of its background."""

    samples: np.ndarray
    rate: int
    events: list[Event]
    labels: frozenset[str]


def make_scenes(rows: Sequence[Row], backgrounds: Sequence[Row], *, count: int, rate: int, seed: int) -> list[Scene]:
    """Compose scenes of 10 s from these clips over these backgrounds."""
    clips, sources = [load_source(row, rate=rate) for row in rows], [load_source(row, rate=rate) for row in backgrounds]
    scenes = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        background = sources[int(rng.integers(len(sources)))]
        samples, events = compose_scene(rng, clips, [background], rate=rate)
        scenes.append(Scene(samples, rate, events, frozenset({event.label for event in events} | set(background.labels))))
    return scenes


@dataclasses.dataclass(frozen=True, eq=False)
class SceneScores:
    """A listener's outputs on N scenes, with targets. scores, truth: (N, K); references, estimates: events of each scene."""

    scores: np.ndarray
    truth: np.ndarray
    references: list[list[Event]]
    estimates: list[list[Event]]

    @staticmethod
    def joined(parts: Iterable[SceneScores]) -> SceneScores:
        """Concatenate the scenes of all parts."""
        several = list(parts)
        return SceneScores(
            np.concatenate([part.scores for part in several]),
            np.concatenate([part.truth for part in several]),
            [events for part in several for events in part.references],
            [events for part in several for events in part.estimates],
        )


def score_scenes(listener: Listener, scenes: Sequence[Scene], detect: Callable[[Scene], list[Event]] | None = None) -> SceneScores:
    """Run the listener on each scene. detect: computes the events instead of the listener, where given."""
    labels = listener.labels
    analyses = listener.listen([Clip(scene.samples, scene.rate) for scene in scenes], top=None)
    assert isinstance(analyses, list)
    scores = np.array([[{tag.label: tag.score for tag in one.tags}[label] for label in labels] for one in analyses])
    truth = np.array([[label in scene.labels for label in labels] for scene in scenes])
    estimates = [list(one.events) if detect is None else detect(scene) for one, scene in zip(analyses, scenes, strict=True)]
    return SceneScores(scores, truth, [scene.events for scene in scenes], estimates)


def gated_classifier(listener: Listener) -> Callable[[Scene], list[Event]]:
    """Baseline for event detection: segments of an energy gate, each labelled with the best clip-level label if it is present."""

    def detect(scene: Scene) -> list[Event]:
        events = []
        for onset, offset in find_active_segments(scene.samples, scene.rate):
            part = scene.samples[round(onset * scene.rate) : round(offset * scene.rate)]
            analysis = listener.tag(Clip(part, scene.rate), top=1)
            assert isinstance(analysis, Analysis)
            events += [Event(tag.label, onset, offset, tag.score) for tag in analysis.tags if tag.present]
        return events

    return detect


def scene_figures(outputs: SceneScores, labels: Sequence[str], *, seed: int, draws: int = 500) -> dict[str, tuple[float, float, float]]:
    """mAP over labels, event F1 (200 ms collars; macro and micro) and calibration error, each (value, low, high) over scenes."""
    used = np.flatnonzero(outputs.truth.any(axis=0))
    names = tuple(labels[int(i)] for i in used)
    counts = _collar_counts(outputs, names)

    def mean_precision(items: np.ndarray) -> float:
        occurring = [i for i in used if outputs.truth[items, i].any()]
        return tagging.mean_average_precision(outputs.truth[items][:, occurring], outputs.scores[items][:, occurring])

    def error(items: np.ndarray) -> float:
        return calibration.expected_error(outputs.scores[items].ravel(), outputs.truth[items].ravel())

    def micro(items: np.ndarray) -> float:
        return counts.take(items).micro()

    def macro(items: np.ndarray) -> float:
        return counts.take(items).macro()

    everything = np.arange(len(outputs.references))
    figures = {}
    for name, statistic in {"map": mean_precision, "event_f1": micro, "event_f1_macro": macro, "ece": error}.items():
        low, high = bootstrap.interval_of(statistic, len(everything), seed=seed, draws=draws)
        figures[name] = (statistic(everything), low, high)
    return figures


def _collar_counts(outputs: SceneScores, names: tuple[str, ...]) -> detection.Counts:
    reference = {str(i): events for i, events in enumerate(outputs.references)}
    estimate = {str(i): [event for event in events if event.label in names] for i, events in enumerate(outputs.estimates)}
    return detection.collar_counts(reference, estimate, names)


@dataclasses.dataclass(frozen=True, eq=False)
class OutOfDomain:
    """A sound outside the classes under test: its corpus, the sound itself, and its labels."""

    corpus: str
    source: Source
    labels: tuple[str, ...] = ()


#: An out-of-domain sound with the labels that are false positives.
FalsePositive: TypeAlias = tuple[OutOfDomain, list[str]]


def find_false_positives(listener: Listener, sounds: Sequence[OutOfDomain], labels: Iterable[str]) -> list[FalsePositive]:
    """For each sound, which of these labels the listener marks present although the sound does not have them."""
    tested = set(labels)
    analyses = listener.listen([sound.source for sound in sounds], top=None)
    assert isinstance(analyses, list)
    return [
        (sound, [tag.label for tag in one.tags if tag.present and tag.label in tested and tag.label not in sound.labels])
        for sound, one in zip(sounds, analyses, strict=True)
    ]


def false_positive_figures(false_positives: Sequence[FalsePositive], corpora: Mapping[str, Sequence[str]]) -> list[Figure]:
    """Share of sounds with a false positive, with its interval: for each group of corpora, then for each corpus."""
    figures: list[Figure] = []
    groups = dict(corpora) | {corpus: (corpus,) for corpus in sorted({sound.corpus for sound, _ in false_positives})}
    for name, members in groups.items():
        wrong = [bool(labels) for sound, labels in false_positives if sound.corpus in members]
        if wrong:
            low, high = bootstrap.wilson(sum(wrong), len(wrong))
            figures.append({"name": name, "value": sum(wrong) / len(wrong), "low": low, "high": high, "n": len(wrong)})
    return figures


def false_positive_counts(false_positives: Iterable[FalsePositive]) -> dict[str, dict[str, int]]:
    """Counts of false positives by label for each corpus, most frequent first."""
    counts: dict[str, Counter[str]] = {}
    for sound, labels in false_positives:
        counts.setdefault(sound.corpus, Counter()).update(labels)
    return {corpus: dict(counter.most_common()) for corpus, counter in counts.items() if counter}


def reliability_svg(outputs: SceneScores) -> str:
    """Reliability diagram as SVG: mean score against observed frequency over all (scene, label) decisions."""
    table = calibration.reliability(outputs.scores.ravel(), outputs.truth.ravel())
    return reliability.render_svg({"composed scenes": {"scores of tags": table.rows()}})
