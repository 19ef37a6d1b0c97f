"""The objective of a distillation: what is matched, and that nothing of the teacher is trained."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from auricle.core.config import CLIP_LOGITS
from auricle.models.folder import load
from auricle.recipes.distilling.batches import FRAMES, NAMED, SHARE, TEACHER
from auricle.recipes.distilling.objective import DistillObjective, DistillObjectiveConfig, _against_absent, blend
from auricle.recipes.distilling.teacher import Teacher
from auricle.runtime.catalog import find_folder
from auricle.train.batches import Batch


def test_names_raise_scores_and_never_lower_them() -> None:
    scores, named = torch.tensor([[0.2, 0.9, 0.4]]), torch.tensor([[1.0, 1.0, 0.0, 1.0]])
    columns = torch.tensor([0, 1, 2])
    assert blend(scores, named, columns, 0.5)[0].tolist() == pytest.approx([0.6, 0.95, 0.4, 1.0])
    assert blend(scores, named, columns, 0.0)[0].tolist() == pytest.approx([0.2, 0.9, 0.4, 1.0])
    assert blend(scores, named, columns, 1.0)[0].tolist() == pytest.approx([1.0, 1.0, 0.4, 1.0])


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    return Teacher("auricle-tiny")


def batch(teacher: Teacher, *, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    features = -60 + 20 * torch.randn(3, 128, 64, generator=generator)
    zeros = torch.zeros(3, len(teacher.labels))
    return Batch(
        features=features,
        mask=torch.ones(3, 128, dtype=torch.bool),
        texts=[],
        labels=None,
        items=torch.arange(3),
        groups=torch.arange(3),
        targets={TEACHER: features, NAMED: zeros, SHARE: zeros, FRAMES: torch.zeros(3, 32, len(teacher.labels))},
    )


def test_a_student_that_is_its_teacher_has_the_least_loss(teacher: Teacher) -> None:
    """With the same weights the vectors are the teacher's; the scores are but for its calibration."""
    student = load(find_folder("auricle-tiny"))
    columns = np.arange(len(teacher.labels))
    objective = DistillObjective(student, teacher, columns, DistillObjectiveConfig(frames=0.0, names=0.0)).eval()
    with torch.no_grad():
        objective.vectors.weight.copy_(torch.eye(teacher.width))
        objective.vectors.bias.zero_()
    with torch.no_grad():
        own = objective(batch(teacher))
    assert float(own["vectors"]) == pytest.approx(0, abs=1e-5) and set(own) == {"scores", "vectors"}
    scores, _ = teacher(batch(teacher).features)
    logits = torch.logit(scores.double().clamp(1e-12, 1 - 1e-12))
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, scores.double(), reduction="none").sum(dim=-1).mean()
    assert float(entropy) <= float(own["scores"])


def test_the_teacher_is_neither_trained_nor_saved(teacher: Teacher) -> None:
    student = load(find_folder("auricle-tiny")).requires_grad_(True)
    objective = DistillObjective(student, teacher, np.arange(len(teacher.labels)), DistillObjectiveConfig())
    parameters = sum(parameter.numel() for parameter in objective.parameters())
    assert parameters == sum(parameter.numel() for parameter in student.parameters()) + sum(
        p.numel() for p in objective.vectors.parameters()
    )
    before = {name: value.clone() for name, value in teacher.model.state_dict().items()}
    sum(objective(batch(teacher)).values()).backward()
    assert all(parameter.grad is None for parameter in teacher.model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in teacher.model.state_dict().items())
    assert copy.deepcopy(objective).teacher is teacher
    assert not any(name.startswith("teacher") for name in objective.state_dict()) and CLIP_LOGITS in student.config.outputs


def test_without_a_teacher_names_alone_are_learnt(teacher: Teacher) -> None:
    student = load(find_folder("auricle-tiny"))
    objective = DistillObjective(student, None, np.arange(0), DistillObjectiveConfig(frames=0.0, names=0.0))
    given = batch(teacher)
    targets = {name: target for name, target in given.targets.items() if name != TEACHER}
    parts = objective(dataclasses.replace(given, targets=targets))
    logits = student(given.features)[CLIP_LOGITS]
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits), reduction="sum") / 3
    assert set(parts) == {"scores"} and float(parts["scores"]) == pytest.approx(float(wanted), rel=1e-5)


def test_names_compete_with_labels_that_are_absent_alone() -> None:
    """A dog that the teacher hears as an animal too: its name is not held against the animal, only against the piano."""
    logits, wanted = torch.tensor([[1.0, 3.0, 0.0]]), torch.tensor([[0.8, 0.7, 0.0]])
    share = torch.tensor([[1.0, 0.0, 0.0]])
    compared = _against_absent(logits, wanted, share)
    assert torch.log_softmax(compared, dim=-1)[0, 0].exp() == pytest.approx(float(torch.tensor([1.0, 0.0]).softmax(dim=0)[0]))
