"""LEAF: a front-end that is learned with the encoder behind it, from samples to labels.

Zeghidour et al. 2021 (arXiv 2101.08596): Gabor filters, Gaussian windows of learned widths and per-channel compression (sPCEN) in place of
a log-mel, here before the small CNN of `multitask`, which with the same settings is the log-mel beside it. 25 ms windows and 40 bands in
the paper; here those of the encoder's preset, and energies at every fourth sample (`encoder.step`: see nn.leaf.Leaf).

    auricle train leaf                                               a first run on made sounds, in seconds
    auricle train leaf --set data=labelled.jsonl --set fold=4        trained on the other folds, scored on this one
"""

from __future__ import annotations

from typing import Any, ClassVar

from auricle.recipes import multitask
from auricle.train.trainer import Training


class Config(multitask.Config):
    """As of multitask."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {}

    encoder: dict[str, Any] | str = {"family": "leaf", "encoder": multitask.ENCODER}


def build(config: Config) -> Training:
    """A training of this config."""
    return multitask.build(config, "leaf")
