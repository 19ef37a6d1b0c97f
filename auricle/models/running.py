"""A converted folder as functions of numpy arrays: what runtime.torch runs, in single precision, bfloat16 or compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch

from auricle.core.config import PublishedConfig
from auricle.models.convert.convert import load

Precision: TypeAlias = Literal["torch-fp32", "torch-bf16", "compile"]


class Running:
    """The module of a converted folder. Safe to share between threads."""

    def __init__(self, folder: Path, config: PublishedConfig, precision: Precision) -> None:
        self._model = load(folder, config)

    @torch.inference_mode()
    def run(self, features: np.ndarray) -> list[np.ndarray]:
        """features float32 (B, ...) -> embedding, clip, frames, likeness as models.published gives them, float32."""
        return [output.float().numpy() for output in self._model(torch.from_numpy(features))]

    @torch.inference_mode()
    def words(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Token ids and mask int64 (n, L) -> vectors of the joint space, float32 (n, E), not unit."""
        return np.asarray(self._model.words(torch.from_numpy(ids), torch.from_numpy(mask)).float().numpy())
