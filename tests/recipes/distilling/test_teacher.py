"""The teacher: its scores are those of the Listener, and its short windows are where they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import auricle
from auricle.core.errors import InputError
from auricle.core.records import Clip
from auricle.data.compose.feature_bank import open_bank
from auricle.models.folder import save
from auricle.models.model import Model
from auricle.recipes import distill
from auricle.recipes.distilling.teacher import Teacher, open_short_scores
from auricle.recipes.recipe_config import make_model_config
from auricle.signal.streaming import read

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    return Teacher("auricle-tiny")


def test_a_model_without_label_scores_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "m", Model(make_model_config(distill.Config().encoder, name="m", window=5.0)), {}, card={})
    with pytest.raises(InputError, match="no label scores"):
        Teacher(str(tmp_path / "m"))


def test_short_windows_are_where_they_say_and_are_scored_once(teacher: Teacher, tmp_path: Path) -> None:
    siren = read(EXAMPLES / "siren.ogg", rate=16_000, mono=True).samples[0][: 3 * 16_000]
    clips = [np.concatenate([np.zeros(3 * 16_000, np.float32), siren]), siren[:8000]]

    def decode(index: int) -> Clip:
        return Clip(clips[index][None], 16_000)

    bank = open_bank(decode, 2, tmp_path / "bank", teacher.frontend, speeds=(0.8, 1.0))
    told: list[tuple[int, int]] = []
    args = {"seconds": 1.0, "hop": 0.25, "progress": lambda done, total: told.append((done, total))}
    scores = open_short_scores(teacher, bank, "content", tmp_path, **args)
    assert told == [(1, 2), (2, 2)] and scores.starts.tolist() == [0, 24, 26]
    column = teacher.labels.index("siren")
    rows = scores.frames(0, 10.0, 60, 1.0)[:, column]
    assert rows[:20].max() < 0.3 and rows[35:].max() > 0.6
    halved = scores.frames(0, 10.0, 30, 2.0)[:, column]
    assert np.array_equal(halved, scores.frames(0, 5.0, 30, 1.0)[:, column])
    again = open_short_scores(teacher, bank, "content", tmp_path, **args)
    assert told == [(1, 2), (2, 2)] and np.array_equal(again.scores, scores.scores)


def test_scores_are_calibrated_as_the_output_says(teacher: Teacher) -> None:
    listener = auricle.load()
    samples = read(EXAMPLES / "rain.ogg", rate=16_000, mono=True).samples[0][: 5 * 16_000]
    scores, vectors = teacher(torch.from_numpy(teacher.frontend.features(samples)[None]))
    assert scores.shape == (1, len(listener.labels)) and vectors.shape == (1, teacher.width)
    assert teacher.labels[int(scores[0].argmax())] == "rain" and 0 <= float(scores.min()) <= float(scores.max()) <= 1
