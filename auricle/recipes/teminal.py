"""TeminAL: post-training of a model for temporal order, with captions whose sounds are swapped as hard negatives.

After "TeminAL" (a post-training of CLAP in two stages; no code was found): stage A distinguishes one sound from several, stage B their
order, both with wrong captions of the same clip as hard negatives. The paper's weights, learning rates and list of tasks are unverified,
so those here are our choice. Items need a wrong caption, others are skipped: style `partial` (another sound, another number) for stage a,
`swapped` (its sounds in another order) for stage b; recipes/captioned.py generates both. Mean pooling hardly learns order from little data
(docs/recipes.md), so models trained from scratch here also use ramp-weighted temporal pooling (`ordered`).

    auricle train teminal --set start=runs/base/model --set data=scenes.jsonl
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from auricle.recipes.pairs import PairsConfig
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import TrainConfig, Training

Stage: TypeAlias = Literal["a", "b"]
HARD_NEGATIVE_STYLES: dict[Stage, tuple[str, ...]] = {"a": ("partial",), "b": ("swapped",)}


class Config(PairsConfig):
    """stage: 'a', one sound or several; 'b', their order. It sets `hard_negative_styles`."""

    stage: Stage = "b"
    ordered: bool = True
    train: TrainConfig = TrainConfig(steps=150, learning_rate=1e-3)


def build(config: Config) -> Training:
    """A training of this config. The stage sets the styles of the hard negatives."""
    return build_pairs(config.model_copy(update={"hard_negative_styles": HARD_NEGATIVE_STYLES[config.stage]}), "teminal")
