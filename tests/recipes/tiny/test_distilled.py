"""auricle-tiny taught by another model, on made sounds: what it is trained on, what it learns, and that a left-out fold stays out."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

from auricle.core.audioset import labels as audioset_labels
from auricle.data.corpora.clip_table import COLUMNS, fold
from recipes.tiny import distilled
from recipes.tiny.label_map import read_label_map


def test_names_are_learnt_and_the_left_out_fold_is_not_trained_on(three_classes: Path, small_run: distilled.Run, tmp_path: Path) -> None:
    corpus = distilled.open_corpus(three_classes, tmp_path / "features", small_run, None, leave=1)
    assert corpus.vocabulary[:527] == tuple(read_label_map().plain[label] for label in audioset_labels())
    assert len(corpus.training) == 15 and all(fold(corpus.rows[index]) == 2 for index in corpus.training)
    assert all("NC" not in corpus.rows[index].licence for index in corpus.training)
    drawn = {int(item) for batch in _batches(corpus, small_run, steps=8) for item in batch}
    assert drawn <= set(corpus.training)
    objective = distilled.train_model(corpus, small_run, None, tmp_path / "run")
    accuracy, low, high, count = distilled.esc50_accuracy(objective, corpus, 1)
    assert count == 18 and low <= accuracy <= high and accuracy > 0.6
    again = distilled.train_model(corpus, small_run, None, tmp_path / "run")
    assert distilled.esc50_accuracy(again, corpus, 1)[0] == accuracy


def _batches(corpus: distilled.Corpus, run: distilled.Run, *, steps: int) -> list[np.ndarray]:
    batches = distilled.MixtureBatches(
        corpus.sounds, run.mixtures, clips=corpus.training, batch=8, steps=steps, lengths=[(1.0, 1.28)], frames=lambda n: -(-n // 4), seed=0
    )
    return [batch.items.numpy() for batch in batches.stream(0, steps)]


def test_a_name_says_most_once_and_its_parents_too(three_classes: Path, small_run: distilled.Run, tmp_path: Path) -> None:
    corpus = distilled.open_corpus(three_classes, tmp_path / "features", dataclasses.replace(small_run, min_clips=1), None, leave=None)
    specific = corpus.sounds.specific
    assert specific is not None
    for index, row in enumerate(corpus.rows):
        own = [corpus.vocabulary[column] for column in np.flatnonzero(specific[index])]
        assert own == [distilled.own_label(row, corpus.map)]
        assert {corpus.vocabulary[column] for column in np.flatnonzero(corpus.sounds.named[index])} >= set(own)


def test_synthetic_clips_are_in_every_training_and_in_no_test(three_classes: Path, small_run: distilled.Run, tmp_path: Path) -> None:
    (tmp_path / "synthetic" / "audio").mkdir(parents=True)
    names = ["audio/one.wav", "audio/two.wav"]
    for name in names:
        soundfile.write(tmp_path / "synthetic" / name, 0.1 * np.sin(np.arange(16_000)), 16_000)
    with (tmp_path / "synthetic" / "clips.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        for index, name in enumerate(names):
            row = {
                "filename": name,
                "label": "music; piano",
                "fold": str(1 + index),
                "source_id": name,
                "licence": "CC0",
                "duration_s": "1",
            }
            table.writerow({**row, "sample_rate": "16000", "channels": "1", "target": "-1", "extra": "synthetic kind=music"})
    corpus = distilled.open_corpus(three_classes, tmp_path / "features", small_run, None, leave=1, made=tmp_path)
    made = [index for index, row in enumerate(corpus.rows) if row.corpus == "synthetic"]
    assert len(made) == 2 and set(made) <= set(corpus.training) and len(corpus.training) == 17
    assert corpus.vocabulary[:527] == tuple(read_label_map().plain[label] for label in audioset_labels())
    assert all(corpus.sounds.named[index, corpus.vocabulary.index("piano")] for index in made)
