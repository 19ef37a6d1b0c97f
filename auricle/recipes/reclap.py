"""ReCLAP: each caption is its original in 40 % of draws, and one of its rewritings in the others.

Ghosh et al. 2024 (arXiv:2409.09213); code Sreyan88/ReCLAP, a fork of LAION's with HTS-AT base, feature fusion and T5, rate 5e-4, batches of
64 on 8 GPUs, 30 epochs. Fusion is left out here: windows are as long as recordings. Ask the model with a bank of descriptions
(docs/tasks/zero-shot.md), which is the other half of the paper.

    auricle train reclap --set data=rewritten.jsonl --set size=published
"""

from __future__ import annotations

from typing import Any, ClassVar

from auricle.data.captions import POLICIES, Policy
from auricle.recipes.pairs import Pairs
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import Training


class Config(Pairs):
    """An item's captions have the styles `original` and `rewritten`."""

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
    """A training of this config."""
    return build_pairs(config, "reclap")
