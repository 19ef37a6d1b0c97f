"""LEAF: a trainable front-end, trained jointly with its encoder on labels.

Zeghidour et al. 2021 (arXiv:2101.08596): Gabor filters, Gaussian pooling windows of trained widths and per-channel compression (sPCEN)
instead of a log-mel spectrogram, before the small CNN of `multitask`; `multitask` with the same settings is the log-mel baseline. The paper
uses 25 ms windows and 40 bands; here both come from the encoder's preset, and energies are computed at every fourth sample
(`encoder.step`, see nn.leaf.Leaf).

    auricle train leaf                                               a first run on synthetic sounds
    auricle train leaf --set data=labelled.jsonl --set fold=4        trained on the other folds, scored on this one
"""

from __future__ import annotations

from typing import Any, ClassVar

from auricle.recipes import multitask
from auricle.train.trainer import TrainConfig, Training


class Config(multitask.Config):
    """Settings of multitask. encoder: LEAF, and in `encoder` the settings of the encoder after it."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {}

    encoder: dict[str, Any] | str = {"family": "leaf", "encoder": multitask.ENCODER}
    train: TrainConfig = TrainConfig(steps=60, learning_rate=2e-3)  # a step takes several times that of multitask


def build(config: Config) -> Training:
    """Build the training of this config."""
    return multitask.build(config, "leaf")
