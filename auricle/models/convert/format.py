"""What a published format is: how to recognise it, what its sizes say, and its key map."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.rules import Rule

#: Names that rules give to what belongs to the front-end: the mel matrix (bins, mels) and the window (W,) that a checkpoint carries.
BANK, WINDOW = "frontend.bank", "frontend.window"


@dataclasses.dataclass(frozen=True)
class Format:
    """One published format.

    name: as users say it, such as 'laion-clap'. source: the repository whose code writes it. weights: where its weights are published.
    recognise: whether a checkpoint is of it, by its tensors' names. settings: what it decides of config.encoder_config
    (encoder, frontend, window, policy, dim, projection, text, labels, activation, prompt, logit_scale), sizes read from its tensors'
    shapes. activation is left out where neither the checkpoint nor the code that trains such heads decides it.
    rules: published names to ours: 'encoder.*', 'projection.*', 'text.*', and BANK and WINDOW.
    tokenizer: hub name of the tokenizer that its words need, where the checkpoint does not bring one.
    """

    name: str
    source: str
    weights: str
    recognise: Callable[[Checkpoint], bool]
    settings: Callable[[Checkpoint], Mapping[str, Any]]
    rules: Callable[[Checkpoint], Sequence[Rule]]
    tokenizer: str | None = None
