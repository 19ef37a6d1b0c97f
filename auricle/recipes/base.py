"""auricle-base: a dual encoder of 80 M parameters for any manifest of sounds and captions, on one GPU.

A combination of the other recipes: gated blocks after a convolutional stem, blocks with local and global attention alternate;
contrastive and captioning losses. It has not been trained at this size, so its accuracy is unknown.

    auricle train base --set data=captions.jsonl
    auricle train base --set data=captions.jsonl --set size=small       a small version for two CPU cores
"""

from __future__ import annotations

from typing import Any, ClassVar

from auricle.recipes.pairs import PairsConfig, Part
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import Training

#: 34 M parameters in the audio tower, 33 M in the text tower, 11 M in the captioner; the rest are projections.
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
    "text_encoder": {"vocabulary": 16_000, "width": 512, "depth": 8, "heads": 8, "hidden": 1376},
    "caption_decoder": {"width": 384, "depth": 4, "heads": 6, "hidden": 1024},
    "dim": 512,
    "batch": 256,
    "workers": 8,
    "train": {"steps": 60_000, "learning_rate": 5e-4, "precision": "bfloat16"},
}


class Config(PairsConfig):
    """Contrastive and captioning losses."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {"published": _LARGE}

    weights: dict[Part, float] = {"contrast": 1.0, "caption": 0.5, "parallel": 0.5}


def build(config: Config) -> Training:
    """Build the training of this config."""
    return build_pairs(config, "auricle-base")
