"""Evidence for words of a model that nobody calibrated: each against the names of AudioSet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from auricle.core import audioset
from auricle.core.config import ModelConfig
from auricle.listen import prompt_set
from auricle.listen.aggregation import Contrast
from auricle.listen.prompt_set import PromptSet

#: Vectors (n, D) of n texts.
Embed = Callable[[Sequence[str]], np.ndarray]
#: Logit scale where the model's config has none: one over the temperature that CLIP starts from (Radford et al. 2021).
SCALE = 1 / 0.07


def own_prompt(config: ModelConfig) -> str:
    """The prompt that a model's config names; the plain label where it names none."""
    return "{label}" if config.text is None else config.text.prompt


def logit_scale(config: ModelConfig) -> float:
    """What cosines are multiplied by before they are logits."""
    return (config.text and config.text.logit_scale) or SCALE


def background(used: PromptSet, embed: Embed) -> np.ndarray:
    """AudioSet's names by the prompts of a wording, unit vectors (M, D)."""
    return PromptSet(used.prompts).rows(audioset.labels(), embed)


def contrast(labels: Sequence[str], config: ModelConfig, embed: Embed) -> Contrast:
    """Labels by the model's own prompt against AudioSet's names."""
    used = prompt_set.opened(own_prompt(config))
    return Contrast.against(background(used, embed), used.rows(labels, embed), logit_scale(config))
