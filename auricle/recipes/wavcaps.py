"""WavCaps' retrieval model: captions cleaned in three stages, clips of one recording as each other's pairs, a learnt divisor.

Mei et al. 2024 (arXiv:2303.17395); code XinhaoMei/WavCaps. HTS-AT or CNN14 with BERT, 1024 wide, rate 5e-5, 15 epochs in batches of 128,
then 20 of fine-tuning. Clean captions first with auricle.data.cleaning; its thresholds are ours, those of the paper are unverified.
The published loss has a small term over the vectors besides, which is left out here.

    auricle train wavcaps --set data=cleaned.jsonl --set size=published
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from auricle.recipes.pairs import Pairs
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import Training


class Config(Pairs):
    """Sizes of the HTS-AT variant where `size` is published."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "encoder": "htsat-tiny",
            "window": 10.0,
            "dim": 1024,
            "tower": {"family": "bert", "pool": "first", "config": {}},
            "batch": 128,
            "train": {"steps": 50_000, "learning_rate": 5e-5, "precision": "bfloat16"},
        }
    }

    loss: Literal["infonce", "infonce-divisor", "siglip"] = "infonce-divisor"
    prompt: str = "{label} can be heard"


def build(config: Config) -> Training:
    """A training of this config."""
    return build_pairs(config, "wavcaps")
