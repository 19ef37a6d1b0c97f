"""Zero-shot classes of distilled trainings: what is left out, and that clips are called by names in the joint space."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from auricle.runtime.catalog import find_folder  # noqa: E402
from recipes.tiny import distilled, distilled_unseen  # noqa: E402


def test_no_clip_of_a_class_nor_of_a_wider_name_is_left(three_classes: Path, small_run: distilled.Run, tmp_path: Path) -> None:
    corpus = distilled.open_corpus(three_classes, tmp_path / "features", small_run, None, leave=None)
    assert distilled_unseen.held_out(corpus, 0) == ("dog", "rain") and distilled_unseen.held_out(corpus, 1) == ("rooster",)
    smaller = distilled_unseen.without(corpus, ("dog", "rain"))
    assert {corpus.rows[clip].labels for clip in smaller.training} == {("rooster",)} and len(smaller.training) == 10
    assert len(smaller.trainable) == len(corpus.trainable)
    bark = distilled_unseen.without(corpus, (corpus.map.plain["Bark"],)).training
    assert {corpus.rows[clip].label for clip in bark} == {"rooster", "rain"}  # a dog may bark


def test_clips_are_called_by_the_nearest_name(three_classes: Path, small_run: distilled.Run, tmp_path: Path) -> None:
    corpus = distilled.open_corpus(three_classes, tmp_path / "features", small_run, None, leave=None)
    distilled.train_model(corpus, small_run, None, tmp_path / "run")
    right = distilled_unseen.call_by_name(corpus, small_run, tmp_path / "run", find_folder(None), ("dog", "rooster", "rain"))
    assert len(right) == 36 and right.mean() > 0.9  # of classes that it has heard, so that the names are learnt
