"""Evidence for text labels with a model that has no text calibration: each label against the class names of AudioSet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from auricle.core import audioset
from auricle.core.config import ModelConfig
from auricle.listen import prompt_set
from auricle.listen.aggregation import Contrast
from auricle.listen.prompt_set import PromptSet

#: A function from n texts to their unit vectors (n, D).
Embed = Callable[[Sequence[str]], np.ndarray]
#: Logit scale if the config of the model has none: the inverse of the initial temperature of CLIP (Radford et al. 2021).
SCALE = 1 / 0.07


def own_prompt(config: ModelConfig) -> str:
    """The prompt of the config of a model; "{label}" if it has none."""
    return "{label}" if config.text is None else config.text.prompt


def logit_scale(config: ModelConfig) -> float:
    """The factor from cosines to logits: that of the config of a model, or SCALE."""
    return (config.text and config.text.logit_scale) or SCALE


def background(prompts: PromptSet, embed: Embed) -> np.ndarray:
    """Unit text vectors (M, D) of the AudioSet class names in the templates of a prompt set."""
    return PromptSet(prompts.prompts).weights(audioset.labels(), embed)


def contrast(labels: Sequence[str], config: ModelConfig, embed: Embed) -> Contrast:
    """Evidence scorer of labels in the model's own prompt, against the AudioSet class names."""
    prompts = prompt_set.open_prompt_set(own_prompt(config))
    return Contrast.against(background(prompts, embed), prompts.weights(labels, embed), logit_scale(config))
