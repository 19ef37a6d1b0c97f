"""auricle-base: a dual encoder of 80 M numbers for any manifest of sounds and captions, on one GPU.

Our own choice of what the other recipes found: gated blocks behind a convolutional stem, narrow ones between wide ones; contrast with
captioning beside it. Never trained here for want of a GPU: what it reaches is unknown.

    auricle train base --set data=captions.jsonl
    auricle train base --set data=captions.jsonl --set size=small       the same on two cores
"""

from __future__ import annotations

from typing import Any, ClassVar

from auricle.recipes.pairs import Pairs, Part
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import Training

#: 34 M numbers in the sound tower, 33 M in the text tower, 11 M in the captioner; the rest are projections.
_LARGE: dict[str, Any] = {
    "encoder": {
        "family": "gated",
        "stem": [64, 128, 192, 256, 384],
        "width": 512,
        "depth": 12,
        "heads": 8,
        "hidden": 1376,
        "reach": 32,
    },
    "reader": {"vocabulary": 16_000, "width": 512, "depth": 8, "heads": 8, "hidden": 1376},
    "teller": {"width": 384, "depth": 4, "heads": 6, "hidden": 1024},
    "dim": 512,
    "batch": 256,
    "workers": 8,
    "train": {"steps": 60_000, "learning_rate": 5e-4, "precision": "bfloat16"},
}


class Config(Pairs):
    """Small unless data is given."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {"published": _LARGE}

    weights: dict[Part, float] = {"contrast": 1.0, "caption": 0.5, "parallel": 0.5}


def build(config: Config) -> Training:
    """A training of this config."""
    return build_pairs(config, "auricle-base")
