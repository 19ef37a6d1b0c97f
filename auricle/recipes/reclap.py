"""ReCLAP: training on rewritten captions; the original is drawn with probability 0.4, otherwise one of its rewritings.

Ghosh et al. 2024 (arXiv:2409.09213); code Sreyan88/ReCLAP, a fork of LAION-CLAP with HTS-AT base, feature fusion and T5, learning rate
5e-4, batches of 64 on 8 GPUs, 30 epochs. Feature fusion is omitted here: windows are as long as recordings. The other half of the paper,
prompts from sets of descriptions, is in docs/tasks/zero-shot.md.

    auricle train reclap --set data=rewritten.jsonl --set size=published
"""

from __future__ import annotations

from typing import Any, ClassVar

from auricle.data.captions import POLICIES, Policy
from auricle.recipes.pairs import PairsConfig
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import Training


class Config(PairsConfig):
    """Captions of the styles `original` and `rewritten` are expected."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "encoder": "htsat-base",
            "window": 10.0,
            "dim": 512,
            "tower": {"family": "t5", "pool": "mean", "config": {}},
            "batch": 64,
            "train": {"steps": 100_000, "learning_rate": 5e-4, "precision": "bfloat16"},
        }
    }

    captions: Policy = POLICIES["rewritten"]


def build(config: Config) -> Training:
    """Build the training of this config."""
    return build_pairs(config, "reclap")
