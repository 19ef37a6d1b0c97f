"""How a model is trained: the settings that all recipes share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from auricle.core.config import Strict
from auricle.train.lora import LoraConfig
from auricle.train.schedule import Schedule

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class TrainConfig(Strict):
    """learning_rate: its peak; it rises over the first `warm` share of the steps, then follows the schedule down to the share `floor`.

    layer_decay: how much of the rate of the layer above a layer has. weight_decay: of matrices and kernels alone. gradient_limit: longest
    gradient, or None. accumulate: parts that a batch is worked through in, which saves memory. average: decay of a running average of the
    weights, which is what comes of the training then. freeze: patterns (regular expressions) of names of parameters that do not learn.
    parallel: under torchrun, whole copies or shards. save_every, log_every: steps. keep: the newest checkpoints.
    """

    steps: Positive = 1000
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    schedule: Schedule = "cosine"
    warm: Annotated[float, Field(ge=0, lt=1)] = 0.1
    floor: Share = 0.01
    optimiser: Literal["adamw", "muon"] = "adamw"
    betas: tuple[Share, Share] = (0.9, 0.999)
    epsilon: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    gradient_limit: Annotated[float, Field(gt=0)] | None = 1.0
    accumulate: Positive = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    average: Annotated[float, Field(gt=0, lt=1)] | None = None
    freeze: tuple[str, ...] = ()
    lora: LoraConfig | None = None
    parallel: Literal["ddp", "fsdp"] = "ddp"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: Annotated[int, Field(ge=0)] = 0
    save_every: Positive = 500
    keep: Positive = 2
    log_every: Positive = 10
