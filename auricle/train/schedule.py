"""Learning-rate schedules: factor on the peak rate as a function of the completed fraction of the run."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["cosine", "linear", "constant"]


def warmup_cosine(done: float, *, warmup_fraction: float = 0.1, min_lr_fraction: float = 0.01) -> float:
    """Linear warm-up over `warmup_fraction` of the run, then half a cosine down to `min_lr_fraction`.

    Loshchilov & Hutter 2017, arXiv:1608.03983. done: completed fraction of the run, 0 to 1. Returns the factor on the peak rate.
    """
    if done < warmup_fraction:
        return max(done / warmup_fraction, 1e-3)
    remaining = 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warmup_fraction) / (1 - warmup_fraction))))
    return min_lr_fraction + (1 - min_lr_fraction) * remaining


def lr_factor(schedule: Schedule, done: float, *, warmup_fraction: float, min_lr_fraction: float) -> float:
    """Linear warm-up as in `warmup_cosine`, then a cosine or a straight line down to `min_lr_fraction`, or a constant 1."""
    if done < warmup_fraction or schedule == "cosine":
        return warmup_cosine(done, warmup_fraction=warmup_fraction, min_lr_fraction=min_lr_fraction)
    return 1.0 if schedule == "constant" else 1.0 - (1.0 - min_lr_fraction) * min(1.0, (done - warmup_fraction) / (1 - warmup_fraction))
