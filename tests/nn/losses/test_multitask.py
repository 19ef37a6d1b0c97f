"""The loss of several tasks, by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from auricle.nn.losses.multitask import Head, multitask  # noqa: E402

HEADS = {"one": Head(2, exclusive=True), "any": Head(2, exclusive=False, weight=0.5)}
SURE = math.log(1 + math.exp(-2))  # of a logit of 2 that is right
TRUTH = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]])


def test_each_row_counts_for_its_own_task_alone() -> None:
    one = torch.tensor([[2.0, 0.0], [99.0, -99.0]], requires_grad=True)
    some = torch.tensor([[99.0, -99.0], [2.0, 2.0]], requires_grad=True)
    parts = multitask({"one": one, "any": some}, TRUTH, torch.tensor([0, 1]), HEADS)
    assert parts["one"].item() == pytest.approx(SURE / 2, abs=1e-6)
    assert parts["any"].item() == pytest.approx(0.5 * (SURE + (SURE + 2)) / 2 / 2, abs=1e-6)
    sum(parts.values()).backward()
    assert one.grad is not None and some.grad is not None
    assert one.grad[1].abs().sum() == some.grad[0].abs().sum() == 0 and (one.grad[0] != 0).all() and (some.grad[1] != 0).all()


def test_a_batch_is_the_mean_of_its_parts_whatever_tasks_they_hold() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = {name: torch.randn(6, 2, generator=generator) for name in HEADS}
    truth, task = TRUTH[0].repeat(6, 1), torch.tensor([0, 0, 1, 1, 1, 0])
    whole = sum(multitask(logits, truth, task, HEADS).values())
    halves = [slice(0, 2), slice(2, 4), slice(4, 6)]
    parts = [multitask({name: all_[rows] for name, all_ in logits.items()}, truth[rows], task[rows], HEADS) for rows in halves]
    assert torch.allclose(whole, sum(sum(each.values()) for each in parts) / 3)
    assert all(set(each) == set(HEADS) for each in parts) and parts[0]["any"].item() == 0.0
