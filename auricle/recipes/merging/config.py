"""MergeConfig: the settings of a merge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from auricle.core.config import Strict

Method = Literal["linear", "greedy", "slerp", "task-arithmetic", "ties", "dare", "fisher", "regmean", "emr", "rebasin", "ema"]
#: Factor of a sum of task vectors, as Ilharco et al. advise where it cannot be chosen by data (arXiv:2212.04089, section 4.2).
DEFAULT_SCALE = 0.4
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0)]


class MergeConfig(Strict):
    """Settings of a merge; those that the method does not use are ignored.

    method: see docs/merging.md. weights: one number per model, of which only the ratios count; equal by default. t: of slerp, 0 for the
    first model, 1 for the second. scale: factor of the merged task vector; by default 0.4 for a sum (task-arithmetic, dare), else 1.
    density: of ties, share of each task vector that is kept. drop: of dare, share that is dropped. combine: of dare, how what is left is
    merged. shrink: of regmean, factor of off-diagonal entries. task: of emr, number of the model whose task the result is for, from 0.
    decay: of ema, per checkpoint. clips: recordings drawn from each manifest for fisher and regmean, at most. batch: recordings of all
    manifests together for the statistics of batch norms. draws: of dare, number of draws that are evaluated; the first one is saved.
    seed: of all that is drawn. cache: folder of decoded recordings.
    """

    method: Method = "linear"
    weights: tuple[Annotated[float, Field(ge=0)], ...] = ()
    t: Share = 0.5
    scale: Annotated[float, Field(gt=0)] | None = None
    density: Annotated[float, Field(gt=0, le=1)] = 0.2
    drop: Annotated[float, Field(ge=0, lt=1)] = 0.5
    combine: Literal["sum", "ties"] = "sum"
    shrink: Share = 0.9
    task: Annotated[int, Field(ge=0)] = 0
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.9
    clips: Count = 256
    batch: Count = 64
    draws: Count = 1
    seed: Annotated[int, Field(ge=0)] = 0
    cache: Path = Path("runs/cache")
