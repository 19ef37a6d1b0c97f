"""WavCaps retrieval model: cleaned captions, clips of one recording as positives of each other, a trained temperature.

Mei et al. 2024 (arXiv:2303.17395); code XinhaoMei/WavCaps. HTS-AT or CNN14 with BERT, embeddings of 1024, learning rate 5e-5, 15 epochs in
batches of 128, then 20 epochs of fine-tuning. Clean captions first with auricle.data.cleaning, whose thresholds are our choice; those
of the paper are unverified. The published loss also has a small regularisation term on the embeddings, which is omitted here.

    auricle train wavcaps --set data=cleaned.jsonl --set size=published
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from auricle.recipes.pairs import PairsConfig
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import Training


class Config(PairsConfig):
    """size=published: the HTS-AT variant."""

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
    """Build the training of this config."""
    return build_pairs(config, "wavcaps")
