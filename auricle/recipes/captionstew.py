"""CaptionStew: contrastive, captioning, or both objectives on the same sounds and captions.

After "CaptionStew" (a study of 10.7 M captions on 9.3 M clips; only its data preparation is public, RayTzeng/CaptionStew-data-prep): one
encoder, two heads. The paper's sizes and its share of parallel captioning are unverified, so those here are our choice. Trains from
scratch, or from a supervised encoder with `--set start=MODEL`. recipes/captionstew_study.py compares objectives, data sizes and seeds.

    auricle train captionstew --set data=captions.jsonl --set objective=both
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

from auricle.data.captions import POLICIES, Policy
from auricle.recipes.pairs import PairsConfig, Part
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import Training

Objective: TypeAlias = Literal["contrastive", "captioning", "both"]

WEIGHTS: dict[Objective, dict[Part, float]] = {
    "contrastive": {"contrast": 1.0},
    "captioning": {"caption": 0.5, "parallel": 0.5},
    "both": {"contrast": 1.0, "caption": 0.5, "parallel": 0.5},
}


class Config(PairsConfig):
    """objective: contrastive, captioning, or both; it sets `weights`. Captions of all styles are drawn in proportion to their weight."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "encoder": "ast-base-384",
            "dim": 512,
            "tower": {"family": "bert", "pool": "first", "config": {}},
            "batch": 128,
            "train": {"steps": 100_000, "learning_rate": 1e-4, "precision": "bfloat16"},
        }
    }

    objective: Objective = "both"
    captions: Policy = POLICIES["weighted"]


def build(config: Config) -> Training:
    """A training of this config. The objective sets the weights."""
    weighted = config.model_copy(update={"weights": WEIGHTS[config.objective]})
    return build_pairs(weighted, f"captionstew-{config.objective}")
