"""MS-CLAP: contrastive audio-text training with symmetric InfoNCE and residual projections of both towers.

Elizalde et al. 2023 (arXiv:2206.04769): CNN14 and BERT on 128 k pairs. Elizalde et al. 2024 (arXiv:2309.05767): HTS-AT and GPT-2 on 4.6 M
pairs, with the audio tower first trained on 22 supervised tasks. The tasks, their weights and the optimiser's settings are unverified, so
those of `published` are our choice. `--set start=MODEL` starts from a trained audio tower.

    auricle train msclap                                             a first run on synthetic sounds
    auricle train msclap --set data=captions.jsonl --set size=published
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from auricle.recipes.pairs import PairsConfig
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import Training


class Config(PairsConfig):
    """size=published: HTS-AT and GPT-2, as in the 2023 model."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "published": {
            "encoder": "htsat-tiny",
            "window": 7.0,
            "dim": 1024,
            "tower": {"family": "gpt2", "pool": "last", "config": {"n_positions": 77}},
            "batch": 128,
            "train": {"steps": 100_000, "learning_rate": 1e-4, "precision": "bfloat16"},
        }
    }

    projection: Literal["relu", "residual", "linear"] = "residual"
    prompt: str = "this is the sound of {label}"


def build(config: Config) -> Training:
    """Build the training of this config."""
    return build_pairs(config, "msclap")
