"""Description of a published checkpoint format: detection, settings and key map."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.rules import Rule

#: Target names for tensors of the front-end: the mel filterbank (bins, mels) and the window (W,) of a checkpoint.
BANK, WINDOW = "frontend.bank", "frontend.window"


@dataclasses.dataclass(frozen=True)
class Format:
    """One published format.

    name: such as 'laion-clap'. source: repository whose code writes it. weights: where its weights are published.
    recognise: whether a checkpoint has this format, by its tensor names. settings: arguments of config.encoder_config (encoder, frontend,
    window, policy, dim, projection, text, labels, activation, prompt, logit_scale), with sizes from tensor shapes; without `activation`
    where neither the checkpoint nor its training code determines it.
    rules: published names to ours: 'encoder.*', 'projection.*', 'text.*', BANK and WINDOW.
    tokenizer: hub name of the tokenizer, where the checkpoint comes without one.
    """

    name: str
    source: str
    weights: str
    recognise: Callable[[Checkpoint], bool]
    settings: Callable[[Checkpoint], Mapping[str, Any]]
    rules: Callable[[Checkpoint], Sequence[Rule]]
    tokenizer: str | None = None
