"""A loss over many supervised tasks at once, each row of a batch being of one of them.

Microsoft's CLAP of 2023 trained its sound encoder on 22 such tasks (Elizalde et al. 2024, arXiv:2309.05767); which they were and how they
were weighted is unverified here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional


@dataclasses.dataclass(frozen=True)
class Question:
    """One task. labels: how many. answer: 'one' of them is true, or 'any'. weight: of its rows in the mean."""

    labels: int
    answer: Literal["one", "any"]
    weight: float = 1.0


def by_question(logits: Tensor, truth: Tensor, question: Tensor, questions: Sequence[Question]) -> Tensor:
    """Cross-entropy for rows of a task with one true label, binary cross-entropy (mean over labels) for the others. Returns ().

    logits, truth: (B, K), the labels of all tasks side by side in the order of `questions`; question: int64 (B,), the task of each row.
    What a row's logits say of other tasks does not count. Mean over rows, so that a large batch is the mean of its parts.
    """
    total, start = logits.new_zeros(()), 0
    for number, asked in enumerate(questions):
        rows, span = question == number, slice(start, start + asked.labels)
        said, true = logits[rows, span].float(), truth[rows, span].float()
        if asked.answer == "one":
            each = -(true * torch.log_softmax(said, dim=-1)).sum(-1)
        else:
            each = functional.binary_cross_entropy_with_logits(said, true, reduction="none").mean(-1)
        total = total + asked.weight * each.sum()
        start += asked.labels
    return total / len(logits)
