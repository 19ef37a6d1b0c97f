"""TeminAL: a trained model learns order, by telling each caption from the same one with its sounds swapped.

After "TeminAL" (a post-training of CLAP in two stages; no code was found): stage A tells one sound from several, stage B tells which came
first, both with wrong captions of the same clip among the negatives. Weights, rates and the list of tasks are unverified, so these are
ours. Items need a wrong caption, others are left out: style `partial` (another sound, another number) for stage a, `swapped` (its sounds
in another order) for stage b; recipes/captioned.py makes both. A model whose vectors are means of states hardly learns order from little
data (docs/recipes.md), so one that is trained here from nothing also pools what comes early and what late (`ordered`).

    auricle train teminal --set start=runs/base/model --set data=scenes.jsonl
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from auricle.recipes.pairs import Pairs
from auricle.recipes.pairs import build as build_pairs
from auricle.train.trainer import TrainConfig, Training

Stage: TypeAlias = Literal["a", "b"]
UNWANTED: dict[Stage, tuple[str, ...]] = {"a": ("partial",), "b": ("swapped",)}


class Config(Pairs):
    """stage: a, one sound or several; b, their order."""

    stage: Stage = "b"
    ordered: bool = True
    train: TrainConfig = TrainConfig(steps=150, learning_rate=1e-3)


def build(config: Config) -> Training:
    """A training of this config. The stage decides which captions are wrong."""
    return build_pairs(config.model_copy(update={"unwanted": UNWANTED[config.stage]}), "teminal")
