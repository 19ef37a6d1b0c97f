"""LAION-CLAP: HTS-AT and RoBERTa, two-layer projections with ReLU, and captions generated from labels where there are no others.

Wu et al. 2023 (arXiv:2211.06687); code LAION-AI/CLAP. Published run: 24 GPUs with 96 pairs each, Adam at 1e-4 with 3200 steps of warm-up,
45 epochs, no weight decay. Its captions for labels were written by a language model; here they come from templates (auricle.data.captions).

    auricle train laion-clap --set data=captions.jsonl --set size=published
    auricle train laion-clap --set start=laion/clap-htsat-unfused --set data=mine.jsonl      fine-tune published weights
"""

from __future__ import annotations

from typing import Any, ClassVar

from auricle.data.captions import POLICIES, Policy
from auricle.recipes.pairs import PairsConfig
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import Training


class Config(PairsConfig):
    """Labels are turned into captions where an item has none."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "encoder": "htsat-tiny",
            "window": 10.0,
            "dim": 512,
            "tower": {"family": "roberta", "pool": "pooler", "config": {"type_vocab_size": 1, "pad_token_id": 0}},
            "batch": 96,
            "train": {"steps": 100_000, "learning_rate": 1e-4, "weight_decay": 0.0, "precision": "bfloat16"},
        }
    }

    prompt: str = "This is a sound of {label}."
    captions: Policy = POLICIES["weighted"]


def build(config: Config) -> Training:
    """Build the training of this config."""
    return build_pairs(config, "laion-clap")
