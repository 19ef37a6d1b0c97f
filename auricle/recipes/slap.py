"""SLAP: contrastive, captioning and masked-frame losses in one stage, with an encoder for clips of any length.

After "SLAP" (109 M pairs, clips of up to 30 s; no code was found): rotary position embeddings, RMS norms, gated layers without biases,
blocks with local and global attention alternating. Sizes and the weights of the three losses are unverified, so those here are our choice.
Clips of different lengths are padded and masked here, not packed into rows.

    auricle train slap --set data=captions.jsonl --set size=published
"""

from __future__ import annotations

from typing import Any, ClassVar

from auricle.recipes.pairs import PairsConfig, Part
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import Training


class Config(PairsConfig):
    """Weights of all three losses."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "encoder": {
                "family": "gated", "stem": [64, 128, 192, 256, 384], "width": 768, "depth": 12, "heads": 12, "hidden": 2048, "reach": 64,
            },
            "window": 30.0,
            "dim": 768,
            "tower": {"family": "roberta", "pool": "first", "config": {"type_vocab_size": 1, "pad_token_id": 0}},
            "batch": 256,
            "train": {"steps": 200_000, "learning_rate": 5e-4, "precision": "bfloat16"},
        }
    }  # fmt: skip

    encoder: dict[str, Any] | str = {
        "family": "gated", "stem": [16, 32, 48, 64, 96], "width": 128, "depth": 2, "heads": 4, "hidden": 256, "reach": 16,
    }  # fmt: skip
    weights: dict[Part, float] = {"contrast": 1.0, "caption": 0.5, "frames": 0.2}


def build(config: Config) -> Training:
    """Build the training of this config."""
    return build_pairs(config, "slap")
