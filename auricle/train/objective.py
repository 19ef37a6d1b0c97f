"""Objective of tasks: the heads of one model, each with the targets and the loss of its task (torch)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import Output, Strict
from auricle.models.encoders.embedding import Embedding
from auricle.models.model import Model
from auricle.nn.augment import SpecAugment, mixup
from auricle.tasks.task import Task
from auricle.train.batches import Batch


@dataclasses.dataclass(frozen=True, eq=False)
class TaskHead:
    """A task and the output that is trained for it. name: of the output. weight: of its loss.

    label_weights: float (K,), of the positive targets of each label; None weighs all alike.
    """

    task: Task
    name: str
    spec: Output
    weight: float = 1.0
    label_weights: Tensor | None = None


class ObjectiveConfig(Strict):
    """Options against noise and imbalance, and augmentations.

    mixup: strength, 0 for none (Zhang et al. 2018, arXiv:1710.09412). spec_augment: mask stripes of the features (Park et al. 2019,
    arXiv:1904.08779). noise: how wrong labels are dealt with, see NOISE. noise_rate: expected share of clips with wrong labels.
    """

    mixup: Annotated[float, Field(ge=0)] = 0.0
    spec_augment: bool = False
    noise: Literal["none", "down-weight", "co-teaching"] = "none"
    noise_rate: Annotated[float, Field(ge=0, lt=1)] = 0.2


class TaskObjective(nn.Module):
    """Computes the losses of all tasks from a batch with `targets` by the names of outputs.

    noise "down-weight": the share noise_rate of clips with the largest losses in a batch counts less, by the ratio of the loss at that
    quantile to their own. "co-teaching": a second model is trained beside the first, and each is trained on the clips whose losses are
    smallest for the other, all but the share noise_rate (Han et al. 2018, arXiv:1804.06872); the first one is the result.
    """

    def __init__(
        self,
        model: Model,
        heads: Sequence[TaskHead],
        config: ObjectiveConfig | None = None,
        *,
        peer: Model | None = None,
        fixed_norm: bool = False,
    ) -> None:
        """peer: the second model of co-teaching. fixed_norm: keep the statistics of batch normalisation of the start.

        Batches of a fine-tuning are small and padded, so their statistics would be worse ones.
        """
        super().__init__()
        self.model, self.peer, self.heads, self.config = model, peer, list(heads), config or ObjectiveConfig()
        self.fixed_norm = fixed_norm
        self.augment = SpecAugment() if self.config.spec_augment else nn.Identity()

    def train(self, mode: bool = True) -> TaskObjective:
        """Set the mode of all modules, except of batch normalisation where its statistics are fixed."""
        super().train(mode)
        for module in self.modules() if self.fixed_norm else ():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of each task by the name of its output, each (), weighted."""
        features, mask, targets = self.augment(batch.features), batch.mask, dict(batch.targets)
        if self.config.mixup and self.training:
            features, *mixed = mixup(features, *targets.values(), alpha=self.config.mixup)
            mask, targets = mask | mask.roll(1, dims=0), dict(zip(targets, mixed, strict=True))
        losses = _losses(self.model, self.heads, features, mask, targets)
        if self.config.noise == "none" or not self.training:
            return {name: head.weight * _mean(losses[name]) for name, head in self._by_name()}
        rate = self.config.noise_rate
        if self.peer is None:
            return {name: head.weight * _mean(losses[name], down_weight(losses[name], rate)) for name, head in self._by_name()}
        others = _losses(self.peer, self.heads, features, mask, targets)
        parts = {name: head.weight * _mean(losses[name], small_losses(others[name], rate)) for name, head in self._by_name()}
        for name, head in self._by_name():
            parts[f"{name}_peer"] = head.weight * _mean(others[name], small_losses(losses[name], rate))
        return parts

    def _by_name(self) -> list[tuple[str, TaskHead]]:
        return [(head.name, head) for head in self.heads]


def clip_losses(head: TaskHead, logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Loss of each clip (B,), NaN for a clip without any target.

    logits, target: (B, K), or (B, T, K) with mask (B, T), True for real frames; NaN in target where nothing is annotated. Frames beyond
    the shorter of the two are ignored.
    """
    if head.spec.kind == "frame_scores":
        frames = min(logits.shape[1], target.shape[1])
        logits, target = logits[:, :frames], target[:, :frames]
        if mask is not None:
            target = target.masked_fill(~mask[:, :frames, None], torch.nan)
    logits = logits.float()
    if head.task.loss is not None:
        own: Tensor = head.task.loss(logits, target, mask)
        return own
    known = ~target.isnan()
    target = target.nan_to_num()
    if head.spec.kind == "clip_values":
        losses = functional.huber_loss(logits, target, reduction="none")
    elif head.spec.activation == "softmax":
        weights = 1.0 if head.label_weights is None else head.label_weights.to(logits)
        losses, known = -(weights * target * logits.log_softmax(dim=-1)).sum(dim=-1), known.any(dim=-1)
    else:
        weight = None if head.label_weights is None else head.label_weights.to(logits)
        losses = functional.binary_cross_entropy_with_logits(logits, target, pos_weight=weight, reduction="none")
    if losses.ndim > 1:
        losses, known = losses.flatten(1), known.flatten(1)
        count = known.sum(dim=1)
        losses, known = (losses * known).sum(dim=1) / count.clamp(min=1), count > 0
    return losses.masked_fill(~known, torch.nan)


def down_weight(losses: Tensor, rate: float) -> Tensor:
    """Weights (B,) of clips: 1 up to the (1 - rate) quantile of the losses, and above it the ratio of that quantile to the loss."""
    known = losses.detach().nan_to_num()
    limit = known.quantile(1 - rate)
    return (limit / known.clamp(min=1e-12)).clamp(max=1.0)


def small_losses(losses: Tensor, rate: float) -> Tensor:
    """Weights (B,) of clips: 1 for the smallest losses, 0 for the share `rate` of largest ones."""
    return (losses.detach().nan_to_num() <= losses.detach().nan_to_num().quantile(1 - rate)).to(losses)


def _losses(model: Model, heads: Sequence[TaskHead], features: Tensor, mask: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    encoded: Embedding = model.encode(features, mask)
    outputs = model.apply_heads(encoded)
    return {head.name: clip_losses(head, outputs[head.name], targets[head.name], encoded.mask) for head in heads}


def _mean(losses: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over the batch of the losses that are not NaN; 0 where all are."""
    known = ~losses.isnan()
    weights = known.to(losses) if weights is None else weights * known
    return (losses.nan_to_num() * weights).sum() / len(losses)
