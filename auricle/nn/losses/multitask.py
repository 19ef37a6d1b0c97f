"""Multi-task loss: one head per task on one encoder; every row of a batch belongs to one task.

MS-CLAP 2023 trained its audio encoder on 22 such tasks (Elizalde et al. 2024, arXiv:2309.05767); their list and weights are unverified
here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional


@dataclasses.dataclass(frozen=True)
class Head:
    """Head of one task. labels: K. exclusive: exactly one label is true of a row. weight: of the task's rows in the mean."""

    labels: int
    exclusive: bool
    weight: float = 1.0


def multitask(logits: Mapping[str, Tensor], truth: Tensor, task: Tensor, heads: Mapping[str, Head]) -> dict[str, Tensor]:
    """Loss of each task, (): cross-entropy where its labels are exclusive, else binary cross-entropy (mean over labels).

    logits: (B, K) of every head, for every row. truth: float (B, sum of K), the labels of all tasks concatenated in the order of
    `heads`. task: int64 (B,), index of the row's task; only its labels count. Each loss is the sum over the task's rows divided by B:
    the sum over tasks is the mean over rows.
    """
    parts, start = {}, 0
    for number, (name, head) in enumerate(heads.items()):
        rows = task == number
        outputs, target = logits[name][rows].float(), truth[rows, start : start + head.labels]
        if head.exclusive:
            total = -(target * outputs.log_softmax(dim=-1)).sum()
        else:
            total = functional.binary_cross_entropy_with_logits(outputs, target, reduction="none").mean(dim=-1).sum()
        parts[name] = head.weight * total / len(task)
        start += head.labels
    return parts
