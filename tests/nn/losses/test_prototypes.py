"""Losses over labelled vectors: by hand, and that they bring labels together."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch

from auricle.nn.losses.prototypes import prototypical, siamese


def test_a_row_is_told_by_means_without_itself() -> None:
    vectors = torch.tensor([[0.0], [2.0], [10.0], [14.0], [100.0]])
    labels = torch.tensor([3, 3, 5, 5, 9])
    # distances to the means of 3, 5 and 9, its own label's mean without itself
    rows = [(4, 144, 100**2), (4, 100, 98**2), (81, 16, 90**2), (169, 16, 86**2)]
    right = (0, 0, 1, 1)
    wanted = sum(row[r] + math.log(sum(math.exp(-d) for d in row)) for row, r in zip(rows, right, strict=True)) / 4
    assert float(prototypical(vectors, labels)) == pytest.approx(wanted, rel=1e-6)


def test_without_a_second_of_any_kind_nothing_is_asked() -> None:
    vectors = torch.randn(3, 2, requires_grad=True)
    loss = prototypical(vectors, torch.arange(3))
    loss.backward()
    assert float(loss.detach()) == 0 and not vectors.grad.any()


def test_pairs_of_either_kind_weigh_one_half() -> None:
    vectors, labels = torch.tensor([[0.0], [0.5], [0.8]]), torch.tensor([1, 1, 2])
    wanted = (0.5**2 + ((1 - 0.8) ** 2 + (1 - 0.3) ** 2) / 2) / 2
    assert float(siamese(vectors, labels)) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("loss", [prototypical, siamese])
def test_labels_come_together(loss: object) -> None:
    torch.manual_seed(0)
    vectors, labels = torch.nn.Parameter(torch.randn(24, 4)), torch.arange(24) % 4
    optimiser = torch.optim.Adam([vectors], lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        loss(vectors, labels).backward()
        optimiser.step()
    distance = torch.cdist(vectors, vectors).fill_diagonal_(9e9)
    assert (labels[distance.argmin(dim=1)] == labels).all()
