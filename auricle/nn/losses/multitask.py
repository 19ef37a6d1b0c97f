"""The loss of several tasks, each with a head of its own on one encoder; every row of a batch belongs to one of them.

MS-CLAP 2023 trained its sound encoder on 22 such tasks (Elizalde et al. 2024, arXiv:2309.05767); which they were and how they were
weighted is unverified here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional


@dataclasses.dataclass(frozen=True)
class Head:
    """labels: K of the task. exclusive: exactly one of them is true of a row. weight: of the task's rows in the mean."""

    labels: int
    exclusive: bool
    weight: float = 1.0


def multitask(logits: Mapping[str, Tensor], truth: Tensor, task: Tensor, heads: Mapping[str, Head]) -> dict[str, Tensor]:
    """Each task's part, (): cross-entropy where its labels exclude each other, else binary cross-entropy (mean over labels).

    logits: (B, K) of every head in `heads`, of every row. truth: float (B, sum of K), the labels of all tasks side by side in the order of
    `heads`. task: int64 (B,), which of them a row belongs to; only its own labels count. Parts are sums over a task's rows divided by B:
    together they are a mean over rows, and a batch is the mean of its parts.
    """
    parts, start = {}, 0
    for number, (name, head) in enumerate(heads.items()):
        rows = task == number
        given, true = logits[name][rows].float(), truth[rows, start : start + head.labels]
        if head.exclusive:
            total = -(true * given.log_softmax(dim=-1)).sum()
        else:
            total = functional.binary_cross_entropy_with_logits(given, true, reduction="none").mean(dim=-1).sum()
        parts[name] = head.weight * total / len(task)
        start += head.labels
    return parts
