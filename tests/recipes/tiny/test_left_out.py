"""Figures of models on the fold that was left out: times of events, pooled kinds, labels that a model does not have."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import auricle
from auricle.core.records import Event
from auricle.data.corpora.clip_table import fold
from recipes.tiny import distilled, left_out
from recipes.tiny.evaluation import Scene
from recipes.tiny.families import Judged


def test_times_are_compared_with_the_event_that_overlaps_most() -> None:
    truth = [Event("dog", 1.0, 3.0, 1.0), Event("cat", 5.0, 6.0, 1.0)]
    found = [Event("dog", 0.0, 1.2, 0.9), Event("dog", 1.5, 3.4, 0.9), Event("rain", 5.0, 6.0, 0.9), Event("cat", 7.0, 8.0, 0.9)]
    assert left_out.time_errors(truth, found) == [pytest.approx((0.5, 0.4))]


def test_kinds_are_pooled_over_folds() -> None:
    folds = [{"music": Judged(10, 1, 5, {}), "tones": Judged(4, 0, 4, {})}, {"music": Judged(30, 1, 15, {})}]
    figures = {figure["name"]: figure for figure in left_out.family_figures(folds)}
    assert figures["music_false"]["value"] == 0.05 and figures["music_right"]["value"] == 0.5 and figures["music_right"]["n"] == 40
    assert figures["tones_right"]["n"] == 4 and figures["tones_false"]["low"] == 0.0


def test_scenes_are_graded_by_the_events_of_listen() -> None:
    listener = auricle.load()
    rng = np.random.default_rng(0)
    clip = 0.1 * rng.standard_normal(16_000 * 4).astype(np.float32)
    label = listener.labels[0]
    scene = Scene(clip, 16_000, [Event(label, 0.0, 4.0, 1.0), Event("of no model", 1.0, 2.0, 1.0)], frozenset({label}))
    (row,) = left_out.grade(listener, [scene], (label, "of no model"))
    events = listener.listen(auricle.Clip(clip, 16_000)).events
    assert row["duration"] == pytest.approx(4.0) and row["labels"] == 2
    assert bool(row["times"]) == any(event.label == label for event in events)
    missed = {int(index): counts for index, *counts in row["collar"]}
    assert missed[1] == [0, 0, 1]


def test_a_label_that_a_model_does_not_have_counts_as_missed() -> None:
    listener = auricle.load()
    scores = left_out.SceneScores(
        np.full((1, len(listener.labels)), 0.5), np.zeros((1, len(listener.labels)), bool), [[Event("new", 0.0, 1.0, 1.0)]], [[]]
    )
    own = left_out.of_labels(("new", listener.labels[1]), scores, listener)
    assert own.scores.tolist() == [[0.0, 0.5]] and own.truth.tolist() == [[True, False]]


def test_recordings_are_listed_with_what_listen_says(three_classes: Path, small_run: distilled.Run, tmp_path: Path) -> None:
    corpus = distilled.open_corpus(three_classes, tmp_path / "features", small_run, None, leave=None)
    corpus = dataclasses.replace(corpus, rows=[dataclasses.replace(row, corpus="other") for row in corpus.rows])
    listener, leave = auricle.load(), fold(corpus.rows[0])
    files = left_out.hear_files(listener, corpus, leave, 3)
    assert files == left_out.hear_files(listener, corpus, leave, 3) and len({name for name, *_ in files}) == 3
    named = {f"other/{row.path.name}": row for row in corpus.rows if fold(row) == leave}
    for name, labels, heard in files:
        row, answer = named[name], listener.listen(named[name].path)
        assert labels == ", ".join(row.labels)
        assert all(tag.label in heard for tag in answer.narrowest().tags if tag.present)
    page = left_out.render_files(files)
    assert page.startswith("# 3 recordings") and page.count("other/") == 3
