"""Distillation end to end: what a student learns from its teacher, from names, and how its batches are composed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import auricle
from auricle.core.errors import InputError
from auricle.recipes import distill
from auricle.recipes.distilling.batches import FRAMES, NAMED, SHARE, TEACHER, MixtureBatches
from auricle.train.trainer import Training, train


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def built(cache: Path, **changes: Any) -> Training:
    return distill.build(
        distill.Config.model_validate_json(json.dumps({"cache": str(cache), "batch": 8, "train": {"steps": 6}, **changes}))
    )


def test_batches_depend_on_the_step_alone_and_fit_the_model(cache: Path) -> None:
    training = built(cache)
    batches = training.batches
    assert isinstance(batches, MixtureBatches)
    first = list(batches.stream(2, 5))
    again = next(iter(batches.stream(3, 4)))
    for name in (TEACHER, NAMED, SHARE, FRAMES):
        assert torch.equal(first[1].targets[name], again.targets[name]) and first[1].targets[name].isfinite().all()
    assert torch.equal(first[1].features, again.features)
    assert [batch.features.shape[1] for batch in first] == [128, 250, 250]  # the first half of the steps has short mixtures
    share = first[0].targets[SHARE].sum(dim=1)
    assert torch.all((share - 1).abs().minimum(share.abs()) < 1e-5)
    outputs = training.model.model(first[1].features)
    assert outputs["frame_logits"].shape == first[1].targets[FRAMES].shape and outputs["clip_logits"].shape == first[1].targets[NAMED].shape


def test_labels_that_the_teacher_lacks_are_learnt_from_names(cache: Path, tmp_path: Path) -> None:
    training = built(cache, train={"steps": 60}, short_share=1.0, mixtures={"counts": [1.0], "room_share": 0.0, "cut_share": 0.0})
    known = training.batches._sounds.named  # type: ignore[attr-defined]
    assert known[:, len(auricle.load().labels) :].any(axis=1).all()
    train(training, tmp_path, report=lambda line: None)
    listener = auricle.load(tmp_path / "model")
    assert set(auricle.load().labels) < set(listener.labels) and {"hiss", "clicks"} < set(listener.labels)


def test_a_teacher_that_does_not_believe_a_name_is_followed(cache: Path) -> None:
    trusting, doubting = (built(cache, doubt=doubt).batches._sounds.named for doubt in (0.0, 1.0))  # type: ignore[attr-defined]
    count = len(auricle.load().labels)
    assert not doubting[:, :count].any() and np.array_equal(trusting[:, count:], doubting[:, count:])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"speeds": [0.9]}, "wanted 1.0 among them"),
        ({"encoder": {"family": "wav2vec2"}}, None),
        ({"held_out": 0.99}, "held out"),
    ],
)
def test_settings_that_do_not_work_are_refused(cache: Path, changes: dict[str, Any], words: str | None) -> None:
    with pytest.raises(InputError if words else Exception, match=words):
        built(cache, **changes)
