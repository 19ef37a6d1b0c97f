from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from auricle.core.config import Output
from auricle.tasks import registry
from auricle.train import objective
from auricle.train.objective import TaskHead, clip_losses, down_weight, small_losses

TAGS = Output(kind="clip_scores", head="linear", labels=("a", "b"))
FRAMES = Output(kind="frame_scores", head="linear", labels=("a", "b"), rate=10.0)
ONE = Output(kind="clip_scores", head="linear", labels=("a", "b", "c"), activation="softmax")


def head(name: str, spec: Output, **more: torch.Tensor) -> TaskHead:
    return TaskHead(registry.find(name), "output", spec, **more)  # type: ignore[arg-type]


def test_losses_of_recordings_by_hand() -> None:
    logits, target = torch.tensor([[0.0, 2.0], [1.0, -1.0]]), torch.tensor([[1.0, 0.0], [1.0, torch.nan]])
    losses = clip_losses(head("tagging", TAGS), logits, target)
    first = (math.log(2) + math.log(1 + math.exp(2))) / 2
    assert losses.tolist() == pytest.approx([first, math.log(1 + math.exp(-1))])  # the label that is not annotated does not count


def test_exclusive_labels_take_cross_entropy() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    target = torch.tensor([[0.0, 1.0, 0.0], [torch.nan] * 3])
    losses = clip_losses(head("event", ONE), logits, target)
    assert losses[0].item() == pytest.approx(math.log(sum(math.exp(x) for x in (1, 2, 3))) - 2)
    assert losses[1].isnan()


def test_weights_of_labels_multiply_the_loss_of_positives() -> None:
    weights = torch.tensor([4.0, 1.0])
    target = torch.tensor([[1.0, 0.0]])
    plain = clip_losses(head("tagging", TAGS), torch.zeros(1, 2), target)
    weighted = clip_losses(head("tagging", TAGS, label_weights=weights), torch.zeros(1, 2), target)
    assert (weighted / plain).item() == pytest.approx((4 + 1) / 2)


def test_padded_and_unannotated_frames_do_not_count() -> None:
    logits = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(0))
    target = torch.zeros(2, 5, 2)
    target[1] = torch.nan
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[0, 3:] = False
    losses = clip_losses(head("detection", FRAMES), logits, target, mask)
    expected = torch.nn.functional.softplus(logits[0, :3]).mean()
    assert losses[0].item() == pytest.approx(expected.item()) and losses[1].isnan()


def test_gradients_are_finite_where_a_clip_has_no_target() -> None:
    logits = torch.randn(2, 2, requires_grad=True)
    losses = clip_losses(head("tagging", TAGS), logits, torch.tensor([[1.0, 0.0], [torch.nan, torch.nan]]))
    losses[~losses.isnan()].sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and logits.grad.isfinite().all() and not logits.grad[1].any()


def test_an_own_loss_is_used() -> None:
    task = dataclasses.replace(registry.find("tagging"), loss=lambda logits, target, mask: (logits - target).abs().sum(dim=1))
    assert clip_losses(TaskHead(task, "output", TAGS), torch.zeros(1, 2), torch.ones(1, 2)).tolist() == [2.0]


def test_large_losses_count_less() -> None:
    losses = torch.tensor([0.1, 0.2, 0.3, 0.4, 4.0])
    weights = down_weight(losses, 0.25)
    assert weights[:4].tolist() == [1.0] * 4 and weights[4].item() == pytest.approx(0.1)
    assert small_losses(losses, 0.25).tolist() == [1.0, 1.0, 1.0, 1.0, 0.0]


def test_events_become_targets_at_the_rate_of_the_output() -> None:
    from auricle.core.records import Event

    task = registry.find("detection")
    target = task.encode([Event("b", 0.2, 0.5, 1.0)], FRAMES, 0.75)
    assert target.shape == (8, 2) and np.flatnonzero(target[:, 1]).tolist() == [2, 3, 4] and not target[:, 0].any()


def test_each_clip_counts_for_its_own_task_alone() -> None:
    """Two tasks on one encoder: the parts of a batch are sums over the clips of each task divided by the batch."""
    heads = {"one": head("event", ONE), "any": head("tagging", TAGS)}
    logits = {"one": torch.tensor([[2.0, 0.0, -99.0], [99.0, -99.0, 0.0]]), "any": torch.tensor([[99.0, -99.0], [2.0, 2.0]])}
    targets = {
        "one": torch.tensor([[1.0, 0.0, 0.0], [torch.nan] * 3]),
        "any": torch.tensor([[torch.nan, torch.nan], [1.0, 0.0]]),
    }
    losses = {name: clip_losses(heads[name], logits[name], targets[name]) for name in heads}
    sure = math.log(1 + math.exp(-2))  # of a logit of 2 that is right
    assert objective._mean(losses["one"]).item() == pytest.approx(sure / 2)
    assert objective._mean(losses["any"]).item() == pytest.approx((sure + sure + 2) / 2 / 2)
    nothing = clip_losses(heads["one"], logits["one"], torch.full((2, 3), torch.nan))
    assert objective._mean(nothing).item() == 0.0
