"""Learning-rate schedules: share of the run gone in, factor of the peak rate out."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["cosine", "linear", "constant"]


def warm_cosine(done: float, *, warm: float = 0.1, floor: float = 0.01) -> float:
    """Linear rise over the first `warm` of the run, then half a cosine down to `floor` (Loshchilov & Hutter 2017, arXiv:1608.03983)."""
    if done < warm:
        return max(done / warm, 1e-3)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warm) / (1 - warm))))


def factor(schedule: Schedule, done: float, *, warm: float, floor: float) -> float:
    """The same rise, then a cosine or a straight line down to `floor`, or 1 to the end."""
    if done < warm or schedule == "cosine":
        return warm_cosine(done, warm=warm, floor=floor)
    return 1.0 if schedule == "constant" else 1.0 - (1.0 - floor) * min(1.0, (done - warm) / (1 - warm))
