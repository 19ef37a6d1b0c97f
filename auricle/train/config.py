"""TrainConfig: the training settings that all recipes share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from auricle.core.config import Strict
from auricle.train.lora import LoraConfig
from auricle.train.schedule import Schedule

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class TrainConfig(Strict):
    """Settings of one training run, independent of model and loss.

    steps: batches that are trained on. learning_rate: peak of the schedule. schedule: how the learning rate falls after the warm-up.
    warmup_fraction: of the steps, in which the learning rate rises to its peak. min_lr_fraction: of the peak, at the last step. optimiser:
    AdamW, or Muon for hidden matrices and AdamW for the rest. betas, epsilon: of AdamW. layer_decay: factor on the learning rate from one
    layer to the layer below. weight_decay: applied to matrices and kernels only. gradient_limit: largest gradient norm (clipped above it),
    or None. accumulate: micro-batches per step. precision: of the forward pass (autocast) and of Muon's products. ema_decay: decay of an
    exponential moving average (EMA) of the weights; if set, the averaged weights are the result. freeze: regular expressions; parameters
    whose names match are not trained. lora: low-rank adapters instead of full fine-tuning. parallel: under torchrun, replicate (DDP) or
    shard (FSDP). device: auto takes a GPU where there is one. seed: of dropout and other draws in a step. save_every, log_every: in steps.
    keep: number of newest checkpoints kept. validate_every: steps between validations, in a training that has any; the best weights are the
    result. patience: validations without an improvement after which the training stops; None trains all steps.
    """

    steps: Annotated[int, Field(ge=0)] = 1000
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    schedule: Schedule = "cosine"
    warmup_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    min_lr_fraction: Share = 0.01
    optimiser: Literal["adamw", "muon"] = "adamw"
    betas: tuple[Share, Share] = (0.9, 0.999)
    epsilon: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    gradient_limit: Annotated[float, Field(gt=0)] | None = 1.0
    accumulate: Positive = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    freeze: tuple[str, ...] = ()
    lora: LoraConfig | None = None
    parallel: Literal["ddp", "fsdp"] = "ddp"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: Annotated[int, Field(ge=0)] = 0
    save_every: Positive = 500
    keep: Positive = 2
    log_every: Positive = 10
    validate_every: Positive = 50
    patience: Positive | None = None
