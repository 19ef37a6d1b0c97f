"""What models that are made as the shipped one do on the fold of recordings that each was trained, selected and calibrated without.

    python -m recipes.tiny.left_out --data DIR --teacher mn04_as_mAP_432.pt --work runs/ship

WORK is that of recipes.tiny.ship. The model of each fold gets labels, calibration, thresholds and decoding from the outputs of the other
folds' models. Measured as a user runs it: ESC-50's clips, each called by the best of the 50 labels in `tag` (one that the model does not
have is wrong); the same without clips whose author has clips of other corpora in training; scenes of 10 s composed of ESC-50's clips over
ambience of the fold, by number of sources: tags, events and their times, beside an energy gate with the clip classifier; and kinds of
sounds that have no label of ESC-50 (recipes.tiny.families). Writes docs/results/left-out.json, and docs/models/auricle-tiny-files.md: what
these models hear in recordings of other corpora, chosen by a hash. Hardware: one core, some minutes per fold.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auricle.bench.results import Figure, write_record
from auricle.core.config import CLIP_LOGITS
from auricle.core.errors import SoundError
from auricle.core.files import write_text
from auricle.core.records import Analysis, Clip, Event
from auricle.data.compose.scenes import Mix, Source, compose_scene, load_source
from auricle.data.corpora.clip_table import FOLDS, Row, fold
from auricle.data.corpora.synthetic import CORPUS as SYNTHETIC
from auricle.listen.listener import Listener, load
from auricle.listen.timeline import FrameBlocks, Timeline
from auricle.metrics.bootstrap import interval_of, wilson
from auricle.metrics.frames import FrameScores
from auricle.metrics.resampled import Metric
from auricle.recipes.distilling.teacher import Teacher
from auricle.runtime.catalog import find_folder
from auricle.tasks import detection
from recipes.tiny.assembled import assemble
from recipes.tiny.distilled import Corpus, Run, esc50_labels, open_corpus
from recipes.tiny.evaluation import Scene, SceneScores, gated_classifier, scene_figures, score_scenes
from recipes.tiny.families import Judged, measure

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
PAGE = RESULTS.parent / "models" / "auricle-tiny-files.md"
FILES = 50  # recordings on the page, of all folds together
SOURCES, SCENES, RATE = (1, 2, 3, 4, 5), 60, 16_000
_PARTS = {"ambience", "open_ambience"}


@dataclasses.dataclass(frozen=True, eq=False)
class Hits:
    """ESC-50's clips of a fold: whether each was called by its label, bool (N,), and whether its author is apart, bool (N,)."""

    right: np.ndarray
    apart: np.ndarray


def call_clips(listener: Listener, corpus: Corpus, leave: int) -> Hits:
    """Call each ESC-50 clip of the fold by the best of the 50 labels; of equal ones by that which implies most, crickets before insects."""
    labels = esc50_labels(corpus)
    rows = [row for row in corpus.rows if row.corpus == "esc50" and fold(row) == leave]
    answers = listener.tag([row.path for row in rows], top=None)
    assert isinstance(answers, list)
    wanted, right, implied = set(labels.values()), [], listener.config.outputs[CLIP_LOGITS].implied
    for row, answer in zip(rows, answers, strict=True):
        best = max((tag for tag in answer.tags if tag.label in wanted), key=lambda tag: (tag.score, len(implied(tag.label))))
        right.append(best.label == labels[row.target])
    elsewhere = {_author(corpus.rows[index]) for index in corpus.training if corpus.rows[index].corpus != "esc50"} - {""}
    return Hits(np.array(right), np.array([_author(row) not in elsewhere for row in rows]))


def _author(row: Row) -> str:
    return re.sub(r"[^a-z0-9]", "", row.author.lower())


def compose(corpus: Corpus, leave: int, sources: int) -> list[Scene]:
    """Scenes of so many sources of the fold's ESC-50 clips over the fold's ambience, by labels of the vocabulary."""
    labels = esc50_labels(corpus)
    clips = [
        Source(load_source(row, rate=RATE).samples, (labels[row.target],))
        for row in corpus.rows
        if row.corpus == "esc50" and fold(row) == leave
    ]
    beds = [row for row in corpus.rows if row.corpus in _PARTS and fold(row) == leave]
    backgrounds = [Source(load_source(row, rate=RATE).samples, tuple(corpus.map.names(row))) for row in beds]
    scenes = []
    for index in range(SCENES):
        rng = np.random.default_rng([leave, sources, index])
        background = backgrounds[int(rng.integers(len(backgrounds)))]
        samples, events = compose_scene(rng, clips, [background], rate=RATE, mix=Mix(events=(sources, sources)))
        scenes.append(Scene(samples, RATE, events, frozenset({event.label for event in events} | set(background.labels))))
    return scenes


def grade(listener: Listener, scenes: Sequence[Scene], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of tasks.detection for scenes, with the labels (K,) of their events; one that the model has not is never found.

    `times`: onset and offset errors in seconds, (P, 2), of the events that overlap one of their label.
    """
    config = listener.config
    column = {label: index for index, label in enumerate(config.labels)}

    def run(clip: Any, worker: Any) -> tuple[np.ndarray, tuple[Event, ...], float, float]:
        with worker.open(clip) as recording:
            blocks, timeline = FrameBlocks(config), Timeline(config)
            added = [(timeline.add(window), blocks.rate)[0] for window in recording]
        scores = np.concatenate([block.scores for block in added if block is not None])
        return scores, timeline.events(recording.sound.end), blocks.rate, recording.sound.end

    rows = []
    found = listener.pipeline.each([Clip(scene.samples, scene.rate) for scene in scenes], run)
    for scene, one in zip(scenes, found, strict=True):
        if isinstance(one, SoundError):
            raise one
        scores, events, rate, duration = one
        chosen = np.zeros((len(scores), len(labels)))
        for index, label in enumerate(labels):
            if label in column:
                smoothed = detection.smooth(scores[:, column[label]], frame_rate=rate, rule=FrameBlocks(config).rule)
                chosen[:, index] = smoothed
        own = [event for event in events if event.label in labels]
        times = np.minimum(np.arange(len(scores) + 1) / rate, duration)
        frame_scores = FrameScores(detection.round_scores(chosen), times, tuple(labels))
        row = detection.grade(scene.events, own, frame_scores, duration)
        rows.append({**row, "times": time_errors(scene.events, own)})
    return rows


def time_errors(references: Sequence[Event], found: Sequence[Event]) -> list[tuple[float, float]]:
    """Onset and offset errors, found minus true, of each event with the event of its label that overlaps it most, if any does."""
    errors = []
    for event in references:
        overlaps = {other: min(other.offset, event.offset) - max(other.onset, event.onset) for other in found if other.label == event.label}
        best = max(overlaps, key=lambda other: overlaps[other], default=None)
        if best is not None and overlaps[best] > 0:
            errors.append((best.onset - event.onset, best.offset - event.offset))
    return errors


def scene_record(
    name: str, rows: Sequence[Mapping[str, Any]], outputs: SceneScores, gated: SceneScores, labels: Sequence[str], *, seed: int
) -> list[Figure]:
    """Figures of scenes of all folds: detection, tags, calibration, times, and the energy gate's events."""
    figures: list[Figure] = []
    for metric, one in detection.metrics(rows).items():
        if metric in ("psds1", "psds2", "collar_f1_micro", "collar_f1_macro", "intersection_f1_macro"):
            low, high = interval_of(functools.partial(_sampled, one), len(one.rows), seed=seed, draws=100)
            figures.append(_figure(f"{name}_{metric}", one.statistic(one.rows), low, high, len(one.rows)))
    for metric, (value, low, high) in scene_figures(outputs, labels, seed=seed, draws=200).items():
        if metric in ("map", "ece"):
            figures.append(_figure(f"{name}_{metric}", value, low, high, len(rows)))
    value, low, high = scene_figures(gated, labels, seed=seed, draws=200)["event_f1"]
    figures.append(_figure(f"{name}_gated_f1_micro", value, low, high, len(rows)))
    errors = np.array([error for row in rows for error in row["times"]]).reshape(-1, 2)
    for column, metric in enumerate(("onset_ms", "offset_ms")):
        values = 1000 * np.abs(errors[:, column])
        low, high = interval_of(functools.partial(_median_of, values), len(values), seed=seed, draws=200)
        figures.append(_figure(f"{name}_{metric}", float(np.median(values)), low, high, len(values)))
    return figures


def _sampled(metric: Metric, items: np.ndarray) -> float:
    return metric.statistic(metric.rows[items])


def _median_of(values: np.ndarray, items: np.ndarray) -> float:
    return float(np.median(values[items]))


def _figure(name: str, value: float, low: float, high: float, count: int) -> Figure:
    return {"name": name, "value": value, "low": low, "high": high, "n": count}


def share(name: str, right: int, count: int) -> Figure:
    """A share with its Wilson interval."""
    return _figure(name, right / count, *wilson(right, count), count)


def family_figures(folds: Sequence[Mapping[str, Judged]]) -> list[Figure]:
    """Shares of recordings with a false label, and with a right one, by kind, over all folds."""
    figures = []
    for kind in dict.fromkeys(kind for one in folds for kind in one):
        parts = [one[kind] for one in folds if kind in one]
        count = sum(part.count for part in parts)
        figures += [share(f"{kind}_{what}", sum(getattr(part, what) for part in parts), count) for what in ("false", "right")]
    return figures


def hear_files(listener: Listener, corpus: Corpus, leave: int, count: int) -> list[tuple[str, str, str]]:
    """So many recordings of the fold that are no ESC-50, by a hash of their names: each one's name, its labels, and what `listen` says."""
    rows = [row for row in corpus.rows if row.corpus not in ("esc50", SYNTHETIC) and fold(row) == leave]
    names = {row.path: f"{row.corpus}/{row.path.name}" for row in rows}
    chosen = sorted(rows, key=lambda row: hashlib.sha256(names[row.path].encode()).digest())[:count]
    answers = listener.listen([row.path for row in chosen])
    assert isinstance(answers, list)
    return [(names[row.path], ", ".join(row.labels), _heard(answer)) for row, answer in zip(chosen, answers, strict=True)]


def _heard(analysis: Analysis) -> str:
    narrowest = analysis.narrowest()
    if present := [tag.label for tag in narrowest.tags if tag.present]:
        return ", ".join(present)
    guesses = ", ".join(tag.label for tag in narrowest.perhaps)
    return "silent" if analysis.silent else f"(perhaps {guesses})" if guesses else "(nothing)"


def render_files(files: Sequence[tuple[str, str, str]]) -> str:
    """The page of recordings and what was heard in them."""
    intro = f"""# {len(files)} recordings as they come

What models that are made as auricle-tiny-2 hear in {len(files)} recordings that they were neither trained nor calibrated on: those of each
fold whose names have the smallest hashes, ESC-50 left out. The second column is what file names and credits say, unchecked; the third the
tags of `auricle listen` without those that follow from a narrower one, or, in parentheses, what comes close where nothing is present.
Written by `python -m recipes.tiny.left_out`; the corpora are described in [data](../data.md).

| recording | its labels | heard |
|---|---|---|
"""
    return intro + "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in files)


def main() -> None:
    """Assemble the model of each fold, measure it, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/ship"))
    parser.add_argument("--words", default="auricle-tiny", help="model whose text tower is used, by name or path")
    parser.add_argument("--folds", type=int, nargs="+", choices=FOLDS, default=[1, 2, 3, 4])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    run, teacher, made = Run(seed=asked.seed), Teacher(asked.teacher), asked.work / "made"
    hits, families, false = [], [], Counter[str]()
    files: list[tuple[str, str, str]] = []
    rows: dict[int, list[Any]] = {count: [] for count in SOURCES}
    outputs: dict[int, list[SceneScores]] = {count: [] for count in SOURCES}
    gated: dict[int, list[SceneScores]] = {count: [] for count in SOURCES}
    labels: tuple[str, ...] = ()
    for leave in asked.folds:
        corpus = open_corpus(asked.data, asked.work / "features", run, teacher, leave=leave, made=made if made.exists() else None)
        judges = {asked.work / f"fold{other}": other for other in asked.folds if other != leave}
        folder = assemble(corpus, run, asked.work / f"fold{leave}", find_folder(asked.words), judges=judges, mixtures=960)
        listener, labels = load(str(folder)), tuple(sorted(esc50_labels(corpus).values()))
        hits.append(call_clips(listener, corpus, leave))
        print(f"fold {leave}: {hits[-1].right.mean():.4f} of ESC-50's clips, {len(listener.labels)} labels", flush=True)
        files += hear_files(listener, corpus, leave, FILES // len(asked.folds) + (leave <= FILES % len(asked.folds)))
        own = [row for row in corpus.rows if fold(row) == leave]
        families.append(measure(listener, own, seed=asked.seed + leave, left_out=True))
        for one in families[-1].values():
            false.update(one.labels)
        for count in SOURCES:
            scenes = compose(corpus, leave, count)
            rows[count] += grade(listener, scenes, labels)
            outputs[count].append(of_labels(labels, score_scenes(listener, scenes), listener))
            gated[count].append(of_labels(labels, score_scenes(listener, scenes, gated_classifier(listener)), listener))
    right, apart = (np.concatenate([getattr(one, part) for one in hits]) for part in ("right", "apart"))
    figures = [share("esc50", int(right.sum()), len(right)), share("esc50_authors_apart", int(right[apart].sum()), int(apart.sum()))]
    figures += [share(f"esc50_fold{leave}", int(one.right.sum()), len(one.right)) for leave, one in zip(asked.folds, hits, strict=True)]
    for count in SOURCES:
        name, both = f"scenes_{count}", (SceneScores.joined(outputs[count]), SceneScores.joined(gated[count]))
        figures += scene_record(name, rows[count], *both, labels, seed=asked.seed)
    figures += family_figures(families)
    for figure in figures:
        print(f"{figure['name']:44} {figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f}) n={figure['n']}")
    write_text(asked.work / "left-out.json", json.dumps(figures, indent=1) + "\n")
    command = f"python -m recipes.tiny.left_out --data DIR --teacher {Path(asked.teacher).name}"
    about = __doc__.split("\n\n")[2].replace("\n", " ")
    extra = {"about": about, "false_labels": dict(false.most_common(20))}
    write_text(PAGE, render_files(files))
    print(write_record(RESULTS, "left-out", command=command, seed=asked.seed, figures=figures, extra=extra))


def of_labels(labels: Sequence[str], outputs: SceneScores, listener: Listener) -> SceneScores:
    """The same for these labels (K,): 0 where the model has none."""
    column = {label: index for index, label in enumerate(listener.labels)}
    scores, truth = (np.zeros((len(outputs.references), len(labels))) for _ in range(2))
    for index, label in enumerate(labels):
        if label in column:
            scores[:, index], truth[:, index] = outputs.scores[:, column[label]], outputs.truth[:, column[label]]
        truth[:, index] = np.maximum(truth[:, index], [any(event.label == label for event in events) for events in outputs.references])
    return SceneScores(scores, truth.astype(bool), outputs.references, outputs.estimates)


if __name__ == "__main__":
    main()
