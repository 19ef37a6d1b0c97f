"""The objective of a distillation: the student gives the teacher's scores and vectors for the same mixture, and what names say."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from auricle.core.config import CLIP_LOGITS, FRAME_LOGITS, Strict
from auricle.models.model import Model
from auricle.nn.losses.cross_entropy import multilabel_cross_entropy, soft_cross_entropy
from auricle.recipes.distilling.batches import FRAMES, NAMED, SHARE, TEACHER
from auricle.recipes.distilling.teacher import Teacher
from auricle.train.batches import Batch

Weight = Annotated[float, Field(ge=0)]
_POSSIBLE = 0.1  # target of a label from which it counts as possibly present
_LOWEST = -1e4


class DistillObjectiveConfig(Strict):
    """Weights of the parts of the loss.

    scores: label scores of recordings, which are the teacher's blended with names. vectors: cosine of the student's projected vector and
    the teacher's. frames: scores by frame. names: cross-entropy of the labels that names say, shared out by level, against those that are
    absent. blend: weight of a name against the teacher in the target of a label that both know: 1 for names alone, 0 for the teacher alone.
    """

    scores: Weight = 1.0
    vectors: Weight = 1.0
    frames: Weight = 0.3
    names: Weight = 1.0
    blend: Annotated[float, Field(ge=0, le=1)] = 0.5


class DistillObjective(nn.Module):
    """Computes the parts of the loss.

    model: the student. teacher: None to learn from names alone. columns: int (Kt,), where its labels are among the student's K.
    """

    def __init__(self, model: Model, teacher: Teacher | None, columns: np.ndarray, config: DistillObjectiveConfig) -> None:
        super().__init__()
        self.model, self.config, self.teacher = model, config, teacher
        width = int(getattr(model.encoder, "size"))  # noqa: B009 - a module's attributes are not typed
        self.vectors = None if teacher is None else nn.Linear(width, teacher.width)
        self.register_buffer("columns", torch.from_numpy(columns), persistent=False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted parts of the loss by name, each ()."""
        config, targets = self.config, batch.targets
        encoded = self.model.encode(batch.features)
        outputs = self.model.apply_heads(encoded)
        parts: dict[str, Tensor] = {}
        wanted = targets[NAMED]
        if self.teacher is not None and self.vectors is not None:
            scores, vectors = self.teacher(targets[TEACHER])
            wanted = blend(scores, wanted, self.columns, config.blend)  # type: ignore[arg-type]
            parts["vectors"] = config.vectors * (1 - functional.cosine_similarity(self.vectors(encoded.pooled), vectors)).mean()
        parts["scores"] = config.scores * multilabel_cross_entropy(outputs[CLIP_LOGITS], wanted)
        if config.frames:
            parts["frames"] = config.frames * multilabel_cross_entropy(outputs[FRAME_LOGITS], targets[FRAMES])
        if config.names:
            logits = _against_absent(outputs[CLIP_LOGITS], wanted, targets[SHARE])
            parts["names"] = config.names * soft_cross_entropy(logits, targets[SHARE])
        return parts


def _against_absent(logits: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """Logits (B, K) without those of labels that may be present too: names compete with labels that are absent, not with their parents."""
    return logits.masked_fill((share == 0) & (wanted >= _POSSIBLE), _LOWEST)


def blend(scores: Tensor, named: Tensor, columns: Tensor, weight: float) -> Tensor:
    """Targets (B, K) of label scores: the teacher's scores (B, Kt) in their columns, raised towards 1 by `weight` where a name says so.

    Labels that only names know have the target 1 or 0. named (B, K): 1 for labels by name. A name never lowers a score: it says what one
    source is, not what else sounds.
    """
    wanted = named.clone()
    wanted[:, columns] = torch.maximum(scores, scores + weight * (named[:, columns] - scores))
    return wanted
